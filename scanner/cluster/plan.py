"""What is scanned, cut into parts. A part is a range of a file's octets, or of candidates by number: a pure function of
the plan and its own number, so that every node that makes it makes the same."""

import hashlib
import json
from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple

from scanner.candidates.run import space_asked_for
from scanner.candidates.words import WordLists
from scanner.cluster.files import absolute, identity_of, look_at, named_by, without_query
from scanner.errors import ScanError
from scanner.input.packed import kind_of

FORMAT = 1  # of the plan's own file
LINE_OCTETS = 16  # where the input's head holds no line
PACE = frozenset(("proxies", "workers", "threads", "rate", "rate_per_resolver", "max_in_flight", "bind", "rcvbuf",
                  "sndbuf", "port_range", "no_gso", "fsync"))  # fmt: skip
"""Keys of a configuration that change how fast a line comes and through what, and not what it says."""


class File(NamedTuple):
    """One file of the input."""

    url: str
    octets: int
    head_sha256: str  # of its first MiB
    is_whole: bool  # one part: packed


class Part(NamedTuple):
    """One range: `stop` is behind its last octet or candidate. Of a file it holds the lines that begin in it."""

    number: int
    url: str  # "" = candidates
    start: int
    stop: int

    def as_table(self) -> dict[str, Any]:
        """For its books."""
        return {**self._asdict(), "url": without_query(self.url)}


@dataclass(frozen=True, slots=True)
class Plan:
    """Files or patterns, and how they are cut."""

    files: tuple[File, ...]
    patterns: tuple[str, ...]
    candidates: int
    cut: int  # octets, or candidates, of a part
    config_sha256: str
    ending: str  # of a part's name: jsonl.zst or parquet
    ends: tuple[int, ...] = field(init=False)  # of each file, the number behind that of its last part

    def __post_init__(self) -> None:
        object.__setattr__(self, "ends", tuple(accumulate(pieces(file, self.cut) for file in self.files)))

    @property
    def count(self) -> int:
        """How many parts there are."""
        return self.ends[-1] if self.files else -(-self.candidates // self.cut)

    @property
    def octets(self) -> int:
        """Of all files."""
        return sum(file.octets for file in self.files)

    def part(self, number: int) -> Part:
        """The part of that number, from 0."""
        if not self.files:
            return Part(number, "", number * self.cut, min((number + 1) * self.cut, self.candidates))
        at = bisect(self.ends, number)  # files without a part are passed over
        if number < 0 or at == len(self.files):
            raise IndexError(number)
        file, index = self.files[at], number - (self.ends[at - 1] if at else 0)
        stop = file.octets if file.is_whole else min((index + 1) * self.cut, file.octets)
        return Part(number, file.url, index * self.cut, stop)

    def as_table(self) -> dict[str, Any]:
        """For its file."""
        table = {"dnsscan_cluster": FORMAT, **asdict(self),
                 "files": [{**file._asdict(), "url": without_query(file.url)} for file in self.files],
                 "patterns": list(self.patterns), "parts": self.count}  # fmt: skip
        del table["ends"]
        return table


def pieces(file: File, cut: int) -> int:
    """How many parts a file is."""
    return min(file.octets, 1) if file.is_whole else -(-file.octets // cut)


def plan_of(inputs: Sequence[str], patterns: Sequence[str], part_lines: int, table: Mapping[str, Any],
            ending: str) -> Plan:  # fmt: skip
    """Look at the input, once and at no more than the first MiB of each file. Raises ScanError."""
    if bool(inputs) == bool(patterns):
        raise ScanError("cluster: give files to scan, or --names PATTERN; one of them")
    if "-" in inputs:
        raise ScanError("cluster: stdin cannot be cut into parts; give a file")
    if patterns:
        size = space_asked_for(patterns, (), None, (), WordLists()).size
        return Plan((), tuple(patterns), size, part_lines, config_sha256(table), ending)
    if "" in inputs:
        raise ScanError("cluster: an INPUT without a name")
    urls = [found for url in inputs for found in named_by(absolute(url))]
    seen = set()
    for url in urls:
        if (identity := identity_of(url)) in seen:
            raise ScanError(f"cluster: a file is named twice: {without_query(url)}")
        seen.add(identity)
    files, sample = [], b""
    for url in urls:
        octets, head = look_at(url)
        is_packed = bool(kind_of(head))  # then it is one part: it cannot be cut
        files.append(File(url, octets, hashlib.sha256(head).hexdigest(), is_packed))
        sample = sample or (b"" if is_packed else head)
    return Plan(tuple(files), (), 0, part_lines * line_octets(sample), config_sha256(table), ending)


def line_octets(head: bytes) -> int:
    """Of a line, its end included, as in the head of the input; at least 1."""
    lines = head.count(b"\n")
    return max(1, round((head.rindex(b"\n") + 1) / lines)) if lines else LINE_OCTETS


def config_sha256(table: Mapping[str, Any]) -> str:
    """Of all that decides what a line says."""
    asked = {key: value for key, value in table.items() if key not in PACE}
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


def check_same(plan: Plan, before: Any, where: str) -> None:
    """Raise ScanError unless an earlier run had this plan."""
    now = json.loads(json.dumps(plan.as_table()))
    if not isinstance(before, dict) or before.get("dnsscan_cluster") != FORMAT:
        raise ScanError(f"--resume: {where} is damaged, so the input of the parts is not known")
    differing = [words for key, words in WHAT.items() if before.get(key) != now[key]]
    if differing:
        raise ScanError(f"--resume: {where} was begun with another {differing[0]}; name another directory for this one")


WHAT = {"files": "input (its name, size or head differs)", "patterns": "--names", "candidates": "word list",
        "config_sha256": "configuration", "ending": "form of parts", "cut": "--part-lines"}  # fmt: skip
