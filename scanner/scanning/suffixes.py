"""The suffixes that the input's names stand below: each is asked for a name that nobody has."""

import re
from collections.abc import Iterator

SEEN_OCTETS = 64 << 10  # of the first chunk
TLD = re.compile(rb"[a-z][a-z0-9-]{0,61}[a-z0-9]")
NOT_DELEGATED = frozenset(
    b"alt arpa example invalid local localhost onion test".split()
)  # RFC 6761, and infrastructure
SECOND_LEVELS = frozenset(b"ac co com edu go gov ne net or org".split())  # below countries
PRIVATE = frozenset(("corp", "domain", "home", "host", "internal", "intranet", "lan", "localdomain", "private"))


class Suffixes:
    """Those of the names that were seen, in that order."""

    def __init__(self) -> None:
        self._seen: dict[str, None] = {}

    def see(self, chunk: bytes) -> list[str]:
        """Whole lines; the suffixes in them that are new."""
        new = dict.fromkeys(suffix for suffix in self._in(chunk) if suffix not in self._seen)
        self._seen.update(new)
        return list(new)

    def _in(self, chunk: bytes) -> Iterator[str]:
        for line in chunk.lower().split(b"\n"):
            name, _, last = line.strip(b" \t\r").removesuffix(b".").rpartition(b".")
            if not name or not TLD.fullmatch(last) or last in NOT_DELEGATED:
                continue
            yield last.decode()
            second = name.rpartition(b".")[2]
            if len(last) == 2 and second in SECOND_LEVELS and second != name:
                yield f"{second.decode()}.{last.decode()}"

    @property
    def all(self) -> list[str]:
        """Every one."""
        return list(self._seen)


def near_name(chunk: bytes) -> str:
    """The first name of a chunk that is plain enough to ask below it; "" where there is none."""
    for line in chunk[:4096].split(b"\n"):
        name = line.strip(b" \t\r").removesuffix(b".").lower()
        if re.fullmatch(rb"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}", name) and len(name) < 200:
            return name.decode()
    return ""


def may_have_wildcard(suffix: str) -> bool:
    """False for a generic top-level domain, whose registry may not answer for names that are not there (ICANN's
    registry agreements, specification 6 section 2.2); those of countries, of two letters or in scripts of their own,
    may, and so may what is the resolver's own."""
    last = suffix.rpartition(".")[2]
    return suffix != last or len(last) == 2 or last.startswith("xn--") or last in PRIVATE
