"""Which resolvers tell the truth: each is asked for names of known answer, and what they say is weighed together."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from scanner.model import Proxy, Resolver
from scanner.paths.asking import Asking
from scanner.paths.canaries import ask_all
from scanner.paths.canary import canaries_for
from scanner.scanning.suffixes import may_have_wildcard
from scanner.transports.dial import DialLimits

SUFFIXES_MAX = 64  # of the input's, that one resolver is asked about at the start,
CANARIES_MAX = 512  # and all resolvers together
KNOWN = (("a.root-servers.net", "198.41.0.4"), ("a.gtld-servers.net", "192.5.6.30"))
"""Names that exist, asked of public resolvers where the user gives none: servers of the root and of com. No resolver
works without them, nobody filters them, and their addresses have not changed for decades. Others (loopback, private)
may serve a zone of their own and nothing else: they need not know them."""

FAKES = frozenset(("taken", "nodata", "cname_nx"))  # what a name that does not exist does not get


class Vetting:
    """Asks `resolvers`; `told(resolver, text, is_lie)` is called once for each that has not passed, with why: it has
    lied, or did not finish. `there` are names that exist, each with an address that it has."""

    def __init__(self, resolvers: Sequence[Resolver], proxies: Sequence[Proxy], limits: DialLimits,
                 qtypes: Sequence[int], there: Sequence[tuple[str, str]],
                 told: Callable[[Resolver, str, bool], object]):  # fmt: skip
        self._resolvers, self._proxies, self._limits = resolvers, proxies, limits
        self._qtypes, self._there, self._told = qtypes, there, told
        self._suspects: set[Resolver] = set()

    async def ask(self, suffixes: Sequence[str], near: str) -> None:
        """All of them, once, about `suffixes` too; `near` is a name of the input."""
        about = suffixes[: min(SUFFIXES_MAX, max(CANARIES_MAX // len(self._resolvers), 1))]
        askings = [Asking(each, canaries_for(each, self._qtypes, about, self._known_to(each)), near)
                   for each in self._resolvers]  # fmt: skip
        try:
            await ask_all(askings, self._proxies, self._limits, self._ended)
        finally:
            for resolver, suffix in inventors(askings):
                self._lied(resolver, f"answers names below {suffix} that do not exist")
        for asking in askings:
            if asking.unfinished and not asking.lie:
                self._told(asking.resolver, asking.unfinished, False)

    def _known_to(self, resolver: Resolver) -> Sequence[tuple[str, str]]:
        return self._there or (KNOWN if resolver.is_public else ())

    def _ended(self, asking: Asking) -> None:
        if asking.lie:
            self._lied(asking.resolver, asking.lie)

    def _lied(self, resolver: Resolver, text: str) -> None:
        if resolver not in self._suspects:
            self._suspects.add(resolver)
            self._told(resolver, text, True)


def inventors(askings: Sequence[Asking]) -> list[tuple[Resolver, str]]:
    """Who says of names below a suffix that they exist, where no registry does, or where more others deny it."""
    sayings: dict[str, dict[Resolver, str]] = defaultdict(dict)
    for asking in askings:
        for suffix, said in asking.suffixes().items():
            sayings[suffix][asking.resolver] = said
    return [(resolver, suffix) for suffix, by_resolver in sayings.items() if is_invention(suffix, by_resolver.values())
            for resolver, said in by_resolver.items() if said in FAKES]  # fmt: skip


def is_invention(suffix: str, sayings: Iterable[str]) -> bool:
    """True when a name below the suffix that gets an answer gets it from a liar."""
    counts = Counter("fake" if said in FAKES else said for said in sayings)
    return not may_have_wildcard(suffix) or counts["nxdomain"] >= counts["fake"]
