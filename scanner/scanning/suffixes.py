"""The suffixes that the input's names stand below: each is asked for a name that nobody has."""

import re

from scanner.input.hints import Spanner

NEAR_OCTETS = 4 << 10
FIRST_OCTETS = 64 << 10  # of the first chunk, that are looked at,
PIECE_OCTETS, PLACES = 1 << 10, 7  # and of each other, in another place of it each time
LAST = re.compile(rb"\.([a-z][a-z0-9-]{0,61}[a-z0-9])\.?[ \t\r]*$", re.MULTILINE)
SECOND = re.compile(rb"\.((?:ac|co|com|edu|go|gov|ne|net|or|org)\.[a-z]{2})\.?[ \t\r]*$", re.MULTILINE)  # of countries
NOT_DELEGATED = frozenset(b"alt arpa example invalid local localhost onion test".split())  # RFC 6761, and arpa


class Suffixes:
    """Those of the names that were seen, in about that order. `name_span(line)` is where the name stands in one."""

    def __init__(self, name_span: Spanner | None = None) -> None:
        self._name_span = name_span
        self._seen: dict[str, None] = {}
        self._chunks = 0

    def see(self, chunk: bytes) -> None:
        """A chunk of the input; to look at all of each would cost the scan a third of its speed."""
        if self._chunks == 0:
            self._see(chunk[:FIRST_OCTETS])
        self._chunks += 1
        if self._chunks == 1:
            return
        begin = (
            chunk.find(b"\n", len(chunk) * (self._chunks % PLACES) // PLACES) + 1
        )  # the first line may be a torn one
        self._see(chunk[begin : begin + PIECE_OCTETS])

    def _see(self, lines: bytes) -> None:
        self._seen.update(dict.fromkeys(suffixes_in(names_in(lines, self._name_span))))

    @property
    def all(self) -> list[str]:
        """Every one."""
        return list(self._seen)


def names_in(lines: bytes, name_span: Spanner | None) -> bytes:
    """What stands in the column of names, a line each."""
    if name_span is None:
        return lines
    found = []
    for line in lines.split(b"\n"):
        begin, end = name_span(line) or (0, 0)
        found.append(line[begin:end])
    return b"\n".join(found)


def suffixes_in(lines: bytes) -> list[str]:
    """The suffixes of the names in some lines. The last may be torn: then nothing is where it seems to stand."""
    folded = lines.lower()
    found = set(LAST.findall(folded)) - NOT_DELEGATED
    return [suffix.decode() for suffix in sorted(found | set(SECOND.findall(folded)))]


def near_name(chunk: bytes) -> str:
    """The first name of a chunk that is plain enough to ask below it; "" where there is none."""
    for line in chunk[:4096].split(b"\n"):
        name = line.strip(b" \t\r").removesuffix(b".").lower()
        if re.fullmatch(rb"(?:[a-z0-9_-]{1,63}\.)+[a-z][a-z0-9-]{0,62}", name) and len(name) < 200:
            return name.decode()
    return ""
