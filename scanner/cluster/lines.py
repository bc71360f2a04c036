"""The lines of a part, in blocks: from a file, whose lines belong to the part in which they begin, or from patterns."""

from collections.abc import Iterator
from typing import Any

from scanner.candidates.blocks import Blocks
from scanner.candidates.order import stretch
from scanner.candidates.run import space_asked_for
from scanner.candidates.words import WordLists
from scanner.cluster.files import BLOCK, file_of, troubles, without_query
from scanner.cluster.plan import Part, Plan
from scanner.errors import ScanError


def lines_of(plan: Plan, part: Part) -> Iterator[bytes]:
    """The part's octets: lines, whole ones (of a packed file, all of it). Raises ScanError."""
    if not part.url:
        yield from candidates(plan, part)
        return
    with troubles("cannot read", part.url):
        system, path = file_of(part.url)
        planned = next(file for file in plan.files if file.url == part.url)
        if system.size(path) != planned.octets:
            raise ScanError(f"cannot read {without_query(part.url)}: it has changed since the scan was begun")
        before = system.ukey(path)
        with system.open(path, "rb") as file:
            yield from between(file, part.start, part.stop)
        system.invalidate_cache()
        if system.ukey(path) != before:
            raise ScanError(f"cannot read {without_query(part.url)}: it has changed while it was read")


def candidates(plan: Plan, part: Part) -> Iterator[bytes]:
    """By number. A word list of another length on another machine would shift them."""
    space = space_asked_for(plan.patterns, (), None, (), WordLists())
    if space.size != plan.candidates:
        raise ScanError(f"--names: {space.size:,} names here, {plan.candidates:,} where the scan was begun")
    places = stretch(space.size, seed=None, shard=(1, 1), skip=part.start, limit=part.stop - part.start)
    yield from Blocks(space, first=places.first, step=places.step, count=places.count, keys=places.keys)


def between(file: Any, start: int, stop: int) -> Iterator[bytes]:
    """The lines that begin at octets `start` to `stop`, that one not included."""
    at = start
    if start:  # the line that the octet before belongs to is another part's
        file.seek(start - 1)
        at = start - 1
        for block in blocks(file):
            end = block.find(b"\n") + 1
            at += end or len(block)
            if end:
                break
        else:
            return
        file.seek(at)
    for block in blocks(file):
        if at >= stop:
            return
        if at + len(block) < stop:
            at += len(block)
            yield block
            continue
        end = block.find(b"\n", max(stop - 1 - at, 0)) + 1  # of the line that holds the part's last octet
        yield block[: end or len(block)]
        if end:
            return
        at += len(block)
        yield from rest_of_line(file)
        return


def rest_of_line(file: Any) -> Iterator[bytes]:
    """Up to the next line end, or the file's."""
    for block in blocks(file):
        end = block.find(b"\n") + 1
        yield block[: end or len(block)]
        if end:
            return


def blocks(file: Any) -> Iterator[bytes]:
    """What is left, a block at a time."""
    while block := file.read(BLOCK):
        yield block
