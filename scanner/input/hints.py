"""What an input looks like that has no name in its first lines, and what to give instead. It sees those lines only."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from typing import NamedTuple, TypeVar

from scanner.input.line import BADNAME, LINE_MAX, SPACE, address_of, block_of, classify_line
from scanner.text import shown

T = TypeVar("T")
Spanner = Callable[[bytes], tuple[int, int] | None]  # where the name begins and ends in a line
LINES = 100  # that are looked at, unless a name comes first
MOST = 0.8  # of the lines have the shape that is named: the first may be a heading
KEYS = ("d", "name", "domain", "host")  # that hold the name, in lines of JSON
SEPARATORS = {",": "", "\t": "", ";": " --separator semicolon", "|": " --separator pipe", " ": ""}  # and their flags
TYPES = frozenset("A AAAA ANY CAA CNAME DNSKEY DS HTTPS MX NAPTR NS PTR SOA SRV SVCB TLSA TXT".split())
COLUMNS_MAX = 20  # that are looked through
LOOKED_AT_MAX = 10_000  # lines, with blank ones and comments


class FirstLines:
    """Is given the input; tells once, when that is known, what `say(text)` is to hear."""

    def __init__(self, say: Callable[[str], object], *, ptr: bool, name_span: Spanner | None = None):
        self._say, self._ptr, self._name_span = say, ptr, name_span
        self._looked_at = 0  # lines, blank ones included
        self._lines: list[str] = []  # no name among them
        self._why = ""  # of the first one
        self._is_known = False

    def feed(self, lines: bytes) -> None:
        """Some whole lines of it."""
        if self._is_known:
            return
        for line in BytesIO(lines):
            self._look(line.rstrip(b"\n"))
            if self._is_known:
                return

    def _look(self, line: bytes) -> None:
        self._looked_at += 1
        text = line[: LINE_MAX + 1].strip(SPACE)
        if text and not text.startswith(b"#"):
            text = self._name_in(text)
            _, _, reason, why = classify_line(text, ptr=self._ptr)
            self._is_known = reason != BADNAME
            self._why = self._why or why
            self._lines.append(text.decode("utf-8", "replace"))
        if len(self._lines) == LINES and not self._is_known:
            self._tell(f"the first {LINES} lines")
        self._is_known = self._is_known or self._looked_at == LOOKED_AT_MAX

    def _name_in(self, text: bytes) -> bytes:
        """What is to be the line's name."""
        begin, end = (self._name_span(text) or (0, len(text))) if self._name_span else (0, len(text))
        return text[begin:end]

    def end(self) -> None:
        """That was all."""
        if self._lines and not self._is_known:
            self._tell("the input")

    def leave(self) -> None:
        """Something else was said of it."""
        self._is_known = True

    def _tell(self, where: str) -> None:
        self._is_known = True
        self._say(f"no name in {where}: {hint_for(self._lines, self._why)}")


class Shape(NamedTuple):
    """What lines may look like, how to tell, and what to give then."""

    looks: Callable[[str], object]
    what: str
    remedy: str


def shapes() -> Iterator[Shape]:
    """Those with a remedy for every line, the surest first."""
    yield Shape(re.compile(r"socks\w*://", re.I).match, "a proxy", "--proxy-file FILE")
    yield Shape(
        re.compile(r"\w+://").match, "a URL", r"sed -E 's,^[a-zA-Z]+://([^/@]*@)?([^/:?#]+).*,\2,' FILE | dnsscan ..."
    )
    yield Shape(re.compile(r"[^@\s]+@[^@\s]+$").match, "an address of mail", "cut -d@ -f2 FILE | dnsscan ...")
    yield Shape(is_of_addresses, "an IP address or a block of them", "--ptr asks for the name of each")
    yield Shape(re.compile(r"[^:\s,]+:\d+$").match, "HOST:PORT", "cut -d: -f1 FILE | dnsscan ...")
    yield Shape(re.compile(r"\*\.\S+$").match, "a wildcard", r"sed 's/^\*\.//' FILE | dnsscan ...")


def hint_for(lines: Sequence[str], why: str) -> str:
    """What they look like, and what to give; `why` the first of them is no name, where that is all that is known."""
    first, lines = lines[0], lines[1:] or lines  # it may be a heading
    example = shown(lines[0])
    for shape in shapes():
        if is_most(shape.looks, lines):
            return f"{example} looks like {shape.what}: {shape.remedy}"
    if key := json_key(lines[0]):
        return f"{example} looks like a result or another JSON object: jq -r .{key} FILE | dnsscan ..."
    if remedy := columns_of(lines):
        return f"{example} looks like several columns: {remedy}"
    return f"{shown(first)}: {why}"


def is_most(looks: Callable[[T], object], lines: Sequence[T]) -> bool:
    """True where nearly all have it."""
    return sum(bool(looks(line)) for line in lines) >= MOST * len(lines)


def is_of_addresses(text: str) -> bool:
    """True for an address and for a block."""
    return bool(address_of(text) or block_of(text))


def json_key(line: str) -> str:
    """The key that has the name; nothing where the line is no object."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    return next((key for key in KEYS if key in found), "") if isinstance(found, dict) else ""


def columns_of(lines: Sequence[str]) -> str:
    """The setting that says where the names stand; nothing where there are none."""
    for separator, flag in SEPARATORS.items():
        rows = [[cell.strip(' \t"') for cell in cells_of(line, separator)] for line in lines]
        for at in range(min(max(map(len, rows)), COLUMNS_MAX)):
            names = [row[at] for row in rows if len(row) > max(at, 1) and is_full_name(row[at])]
            if len(names) >= MOST * len(rows):
                return f"--columns {columns_text(rows, at)}{flag}"
    return ""


def columns_text(rows: Sequence[Sequence[str]], name: int) -> str:
    """`-,name,type`: up to the last one that is of use."""
    words = ["-"] * name + ["name"]
    for at in range(name + 1, min(max(map(len, rows)), COLUMNS_MAX)):
        if is_most(lambda row: len(row) > at and row[at].upper() in TYPES, rows):  # noqa: B023 - used at once
            return ",".join([*words, *["-"] * (at - name - 1), "type"])
    return ",".join(words)


def cells_of(line: str, separator: str) -> list[str]:
    """What stands between separators; blanks are one, however many."""
    return line.split() if separator == " " else line.split(separator)


def is_full_name(text: str) -> bool:
    """True for a name of several labels, of which the last is no number."""
    ending = text.removesuffix(".").rpartition(".")
    return bool(ending[0]) and not ending[2].isdecimal() and not classify_line(text.encode())[2]
