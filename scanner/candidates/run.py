"""Names to stdout: the flags' texts become one space, and its names are written, whole lines only."""

import contextlib
import errno
import os
import select
import signal
import stat
from collections.abc import Iterable, Sequence
from typing import NoReturn

from scanner.candidates.blocks import Blocks
from scanner.candidates.order import number_of, shard_of, stretch
from scanner.candidates.pattern import LITERAL, parse
from scanner.candidates.space import Part, Row, Space, Texts, space_of, ways
from scanner.candidates.words import BUILTIN, WordLists
from scanner.errors import OutputError, ReaderGone, ScanError
from scanner.signals import ending
from scanner.text import printable, shown


def run(patterns: Sequence[str], *, words: Sequence[str], tlds: str | None, joins: Sequence[str], count: bool,
        shuffle: str | None, shard: str, skip: str, limit: str | None) -> None:  # fmt: skip
    """Write the names that the flags ask for, or how many they are. Raises ScanError; leaves at a signal."""
    for number in ending():
        signal.signal(number, leave)
    if shuffle == "":
        raise ScanError("--shuffle: the seed is missing; any text is one")
    part, skipped = shard_of(shard), number_of("--skip", skip)
    limited = None if limit is None else number_of("--limit", limit)
    lists = WordLists()
    space = space_asked_for(patterns, words, tlds, joins, lists)
    for warning in lists.warnings:
        with contextlib.suppress(OSError):
            os.write(2, f"dnsscan: {printable(warning)}\n".encode())
    places = stretch(space.size, seed=shuffle, shard=part, skip=skipped, limit=limited)
    if count:
        write([b"%d\n" % places.count])
    else:
        write(Blocks(space, first=places.first, step=places.step, count=places.count, keys=places.keys))


def leave(number: int, _: object) -> NoReturn:
    """A signal: no write to a pipe or a file was cut by it, so what is out ends with a line."""
    raise SystemExit(128 + number)


# -- what the flags mean --


def space_asked_for(patterns: Sequence[str], words: Sequence[str], tlds: str | None, joins: Sequence[str],
                    lists: WordLists) -> Space:  # fmt: skip
    """Every pattern's names, one pattern after another: words, then the pattern, then the top-level domain; without a
    pattern only the others. Raises ScanError."""
    if not patterns and not words:
        raise ScanError("no PATTERN and no --words FILE; see dnsscan names --help")
    if "" in words:
        raise ScanError("--words: the name of a file is missing")
    if joins and not words:
        raise ScanError("--join needs --words FILE: it stands between words")
    between = joins_of(joins)
    endings = [Texts((".",)), tlds_of(tlds, lists)] if tlds is not None else []
    spaces, made = [], 0
    wanted: Sequence[str | None] = patterns or [None]
    for pattern in wanted:
        places: list[Part] = [Texts(lists.read(name)) for name in words]
        if pattern is not None:
            places.append(parse(pattern, lists.read))
        elif len(words) == 1 and joins:
            places *= 2
        try:
            row = Row((*joined(places, between), *endings))
            spaces.append(space_of(row))
            made += ways(row)
        except ScanError as error:
            what = "words " + shown(" ".join(words)) if pattern is None else "pattern " + shown(pattern)
            raise ScanError(f"{what} {error}") from None
    space = Space(branch for space in spaces for branch in space.branches)
    lists.note_dropped(made - space.size)
    return space


def joined(places: Sequence[Part], between: Part) -> list[Part]:
    """The places, with a part between each two."""
    return [part for place in places for part in (between, place)][1:]


def joins_of(joins: Sequence[str]) -> Texts:
    """What stands between places; nothing when nothing is given. Raises ScanError."""
    for text in joins:
        if text and not LITERAL.fullmatch(text):
            raise ScanError(f"--join: {shown(text)} cannot stand in a name; write letters, digits, - _ . or ''")
    return Texts(tuple(dict.fromkeys(joins)) or ("",))


def tlds_of(text: str, lists: WordLists) -> Texts:
    """`com,net`, or a file, which is known by its / or .txt, or builtin:tlds. Raises ScanError."""
    from_file = "/" in text or text.endswith(".txt") or text.startswith(BUILTIN)
    tlds = dict.fromkeys(
        each.removeprefix(".").removesuffix(".") for each in (lists.read(text) if from_file else text.split(","))
    )
    for each in tlds:
        if not from_file and not LITERAL.fullmatch(each):
            raise ScanError(f"--tlds: {shown(each)} is no top-level domain; write com,net or the name of a file")
    return Texts(tuple(tlds))


# -- writing --


def write(blocks: Iterable[bytes]) -> None:
    """All of them to stdout. A pipe gets pieces that it takes whole or not at all (pipe(7)), so that a reader
    that leaves in the middle has whole lines. Raises OutputError and ReaderGone."""
    pieces = stat.S_ISFIFO(os.fstat(1).st_mode)
    for block in blocks:
        at = 0
        while at < len(block):
            end = block.rfind(b"\n", at, at + select.PIPE_BUF) + 1 if pieces else len(block)
            at += write_some(block[at:end])


def write_some(octets: bytes) -> int:
    """Write what goes; returns how much that was."""
    try:
        return os.write(1, octets)
    except BlockingIOError:  # another process made it non-blocking
        select.select([], [1], [])
        return 0
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise ReaderGone("the reader of stdout went away") from None
        raise OutputError(f"stdout: {os.strerror(error.errno or 0)}") from None
