"""What is asked of every resolver before a scan, and what its answers show: does it tell the truth?

Captive portals and some access providers invent answers; every NXDOMAIN of the scan would then be a `taken`. Others
filter, and a server that only names other servers (an upward referral) knows nothing of the scan's names.
"""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum, auto
from typing import NamedTuple

from scanner.model import Resolver

A, AAAA = 1, 28
NOBODY_HAS = ("invalid", "com")  # RFC 6761 section 6.4, and a TLD where random names are free
TYPES_MAX = 3  # of the scan that are asked about: some servers rewrite one type and not another

INVENTS = "answers names that do not exist (NXDOMAIN rewriting)"
EMPTIES = "says of names that do not exist that they do (empty answers in place of NXDOMAIN)"
FILTERS = "filters: by its own word (extended DNS errors) its answers are forged, blocked or censored"
REFERS = "does not resolve: it answers with the names of other servers (referrals)"
FAKES = frozenset(("taken", "nodata", "cname_nx"))  # what a name that does not exist does not get
PRIVATE = frozenset(("corp", "domain", "home", "host", "internal", "intranet", "lan", "localdomain", "private"))
LIES_OF_NOWHERE = {"taken": INVENTS, "cname_nx": INVENTS, "nodata": EMPTIES, "filtered": FILTERS}


class Kind(Enum):
    NOWHERE = auto()  # nobody has the name, anywhere
    SUFFIX = auto()  # nobody has it, but its suffix may have a wildcard
    THERE = auto()  # the name exists
    NEAR = auto()  # below a name of the input: whatever is said of it shows that the resolver knows its zone


class Canary(NamedTuple):
    """One question, and what is known of its answer."""

    name: str
    qtype: int
    kind: Kind
    addresses: tuple[str, ...] = ()  # THERE: it has one of these
    suffix: str = ""  # SUFFIX: the one that it is below


def random_name(parent: str) -> str:
    """A name that nobody has; a new one each time. Its first label is of 24 hex digits, by which it can be told."""
    return f"{secrets.token_hex(12)}.{parent}"


def canaries_for(resolver: Resolver, qtypes: Sequence[int], suffixes: Iterable[str] = (),
                 there: Iterable[tuple[str, str]] = ()) -> list[Canary]:  # fmt: skip
    """The questions for one resolver. `qtypes` are the scan's; `there` are names that exist, each with an address."""
    types = qtypes[:TYPES_MAX]
    return [
        Canary(random_name("invalid"), A, Kind.NOWHERE),
        *(Canary(random_name("com"), qtype, Kind.NOWHERE) for qtype in types),
        *there_canaries(there),
        *(suffix_canary(suffix, types[0]) for suffix in suffixes if suffix not in NOBODY_HAS),
    ]


def there_canaries(there: Iterable[tuple[str, str]]) -> list[Canary]:
    """A question for each name and type of address; several addresses of a name are as many that it may have."""
    by_question: dict[tuple[str, int], tuple[str, ...]] = {}
    for name, address in there:
        question = name, AAAA if ":" in address else A
        by_question[question] = (*by_question.get(question, ()), address)
    return [Canary(name, qtype, Kind.THERE, addresses) for (name, qtype), addresses in by_question.items()]


def suffix_canary(suffix: str, qtype: int) -> Canary:
    """A question below a suffix of the input."""
    return Canary(random_name(suffix), qtype, Kind.SUFFIX, suffix=suffix)


def is_error(said: str) -> bool:
    """True for what is neither a statement about the name nor about the server's policy."""
    return said not in ("taken", "nxdomain", "nodata", "cname_nx", "filtered", "referral", "elsewhere")


def lie_of(canary: Canary, said: str) -> str:
    """What is wrong with an answer; "" when it may be true."""
    if canary.kind is Kind.NOWHERE:
        return LIES_OF_NOWHERE.get(said, "")
    if canary.kind is Kind.SUFFIX:
        return FILTERS if said == "filtered" else ""
    return lies_of_there(canary).get(said, "") if canary.kind is Kind.THERE else ""


def lies_of_there(canary: Canary) -> dict[str, str]:
    """What is wrong with answers about a name that exists."""
    return {
        "nxdomain": f"says that {canary.name} does not exist",
        "cname_nx": f"says that {canary.name} is an alias of nothing",
        "nodata": f"says that {canary.name} has no address",
        "elsewhere": f"gives {canary.name} another address than {', '.join(canary.addresses)}",
        "filtered": FILTERS,
    }


def may_have_wildcard(suffix: str) -> bool:
    """False for a generic top-level domain, whose registry may not answer for names that are not there (ICANN's
    registry agreements, specification 6 section 2.2); those of countries, of two letters or in scripts of their own,
    may, and so may what is the resolver's own."""
    last = suffix.rpartition(".")[2]
    return suffix != last or len(last) == 2 or last.startswith("xn--") or last in PRIVATE


def is_invention(suffix: str, by_resolver: Mapping[Resolver, str]) -> bool:
    """True when a name below the suffix that gets an answer gets it from a liar."""
    if not may_have_wildcard(suffix):
        return True
    counts = Counter("fake" if said in FAKES else said for said in by_resolver.values())
    return counts["nxdomain"] >= counts["fake"]


def below(suffix: str) -> str:
    """What is wrong with a resolver that invents such names."""
    return f"answers names below {suffix} that do not exist"
