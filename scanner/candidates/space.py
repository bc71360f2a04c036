"""The names that parts make, as a graph in which every name has a number. It never holds the names themselves.

A name is read from left to right: a node's branches follow each other in number, and within a branch the first text
changes slowest. So parts that stand side by side count like the digits of a number, and those given as alternatives
come one after another.

What no host can be called is not in the graph, and so in no number: a label that is empty or begins or ends with a
hyphen. The graph is made from the right end of the name to the left, and knows for each place what may follow there
in each of three states (START, INSIDE, HYPHEN). It is the graph of a finite automaton, with the texts on its edges.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import groupby
from math import prod
from typing import NamedTuple

from scanner.errors import ScanError

LABEL_MAX = 63  # characters (RFC 1035 section 2.3.4)
NAME_MAX = 253
TEXTS_MAX = 1 << 12  # of a branch that is made by multiplying out; fewer cost time, more gain none (measured)
START, INSIDE, HYPHEN = range(3)  # what stands before a place: nothing or a dot; a letter or digit; a hyphen
AFTER = {"-": HYPHEN, ".": START}  # by a text's last character
NOT_NEXT = {START: ("-", "."), INSIDE: (), HYPHEN: (".",)}  # first characters that may not stand in a state
BROKEN = re.compile(r"\.[.-]|-\.")  # inside a text: no host in any state


@dataclass(frozen=True)
class Texts:
    """One of these, in their order."""

    options: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One of each part, side by side."""

    parts: tuple["Part", ...]


@dataclass(frozen=True)
class Either:
    """All of the first part, then all of the second, and so on."""

    parts: tuple["Part", ...]


@dataclass(frozen=True)
class Repeat:
    """The part so many times, short ones first."""

    part: "Part"
    least: int
    most: int  # at least 1


Part = Texts | Row | Either | Repeat


class Branch(NamedTuple):
    """Each of the texts, with each name of `rest` behind it; None: the name ends there."""

    texts: tuple[str, ...]
    rest: "Space | None"

    @property
    def size(self) -> int:
        return len(self.texts) * (self.rest.size if self.rest else 1)


class Space:
    """A node: its branches' names, numbered from 0 to `size - 1`."""

    def __init__(self, branches: Iterable[Branch]) -> None:
        placed: list[Branch] = []
        for branch in branches:
            put_beside(placed, branch)
        self.branches = tuple(placed)
        self.size = sum(branch.size for branch in placed)


@dataclass(frozen=True)
class Then:
    """What may stand from a place to the name's end, in each state, and how long that can be, in characters."""

    spaces: tuple[Space, Space, Space]
    lead: int = 0  # up to the first dot
    length: int = 0


def space_of(part: Part) -> Space:
    """The host names that the part makes. Raises ScanError when it makes none, or longer ones than DNS has."""
    nothing, end = Space([]), Space([Branch(("",), None)])
    space = before(part, Then((nothing, end, nothing))).spaces[START]
    if space.size == 0:
        why = "a label of each is empty (by a dot at the end, too), or begins or ends with a hyphen"
        raise ScanError(f"makes no host name: {why}")
    return space


def ways(part: Part) -> int:
    """How many texts the part makes, those that are no host names included."""
    match part:
        case Texts(options):
            return len(options)
        case Row(parts):
            return prod(map(ways, parts))
        case Either(parts):
            return sum(map(ways, parts))
        case Repeat(repeated, least, most):
            return sum(ways(repeated) ** times for times in range(least, most + 1))


def before(part: Part, then: Then) -> Then:
    """The part, and what follows it."""
    match part:
        case Texts(options):
            return texts_before(options, then)
        case Row(parts):
            return reduce(lambda rest, each: before(each, rest), reversed(parts), then)
        case Either(parts):
            return beside([before(each, then) for each in parts])
        case Repeat(repeated, least, most):
            lengths = [then]
            for _ in range(most):
                lengths.append(before(repeated, lengths[-1]))
            return beside(lengths[least:])


def beside(ways: Sequence[Then]) -> Then:
    """One way to the end after another."""
    branches = [[branch for way in ways for branch in way.spaces[state].branches] for state in (START, INSIDE, HYPHEN)]
    spaces = Space(branches[START]), Space(branches[INSIDE]), Space(branches[HYPHEN])
    return Then(spaces, max(way.lead for way in ways), max(way.length for way in ways))


def texts_before(options: Sequence[str], then: Then) -> Then:
    """One text, and what follows it. Raises ScanError where that is too long."""
    lead = max(lead_of(text, then.lead) for text in options)
    length = max(map(len, options)) + then.length
    if length > NAME_MAX:
        raise ScanError(f"makes a name of {length} characters; {NAME_MAX} is the most")
    whole = [text for text in options if not BROKEN.search(text)]
    inside = space_behind(INSIDE, whole, then)
    if all(text and text[0] not in "-." for text in whole):
        return Then((inside, inside, inside), lead, length)
    return Then((space_behind(START, whole, then), inside, space_behind(HYPHEN, whole, then)), lead, length)


def lead_of(text: str, lead: int) -> int:
    """Characters up to the first dot, of a text with `lead` of them behind it. Raises ScanError for a long label."""
    labels = [len(label) for label in text.split(".")]
    labels[-1] += lead
    if max(labels) > LABEL_MAX:
        raise ScanError(f"makes a label of {max(labels)} characters; {LABEL_MAX} is the most")
    return labels[0]


def space_behind(state: int, options: Sequence[str], then: Then) -> Space:
    """The options that may stand in a state: those in a row that lead to the same state share a branch."""
    allowed = (text for text in options if not text.startswith(NOT_NEXT[state]))
    runs = groupby(allowed, key=lambda text: AFTER.get(text[-1], INSIDE) if text else state)
    return Space(multiplied(tuple(run), then.spaces[after]) for after, run in runs)


def multiplied(texts: tuple[str, ...], rest: Space) -> Branch:
    """The branch, with what follows multiplied out where that is small: fewer steps from a number to its name."""
    if len(rest.branches) != 1:
        return Branch(texts, rest)
    tails, beyond = rest.branches[0]
    if tails == ("",):
        return Branch(texts, beyond)
    if len(texts) * len(tails) > TEXTS_MAX:
        return Branch(texts, rest)
    return Branch(tuple(text + tail for text in texts for tail in tails), beyond)


def put_beside(branches: list[Branch], branch: Branch) -> None:
    """One branch more, joined to the last where both lead to the same; none when it has no names."""
    if branch.size == 0:
        return
    if branches and branches[-1].rest is branch.rest and len(branches[-1].texts) + len(branch.texts) <= TEXTS_MAX:
        branch = Branch(branches.pop().texts + branch.texts, branch.rest)
    branches.append(branch)
