"""Packed input: gzip, zstd, bzip2 and xz are known by their first octets, and unpacked in pieces of a bounded size.
No I/O here."""

import re
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

PIECE = 256 * 1024  # octets, unpacked
ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
XZ_MEMORY = 128 << 20  # octets; `xz -9` needs half of it, and zstd takes as many for its window
BEGINS = {
    "gzip": re.compile(rb"\x1f\x8b"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),  # a frame, or one to be passed over (RFC 8878)
    "bzip2": re.compile(rb"BZh[1-9]\x31\x41\x59\x26"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
}
HEAD = 8  # octets that tell; none of these beginnings has an LF in it


class Damaged(Exception):
    """Packed input cannot be read on; the text says why, and what to do."""


def unpacked(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The octets of an input, given in pieces of any size: of packed ones what was packed. Raises Damaged."""
    head = next(pieces, b"")
    while 0 < len(head) < HEAD and b"\n" not in head and (more := next(pieces, b"")):
        head += more
    kind = kind_of(head)
    if kind == "gzip":
        return of_gzip(head, pieces)
    return of_frames(kind, head, pieces) if kind else chained(head, pieces)


def kind_of(head: bytes) -> str:
    """How an input that begins so is packed; nothing where it is not."""
    return next((kind for kind, begin in BEGINS.items() if begin.match(head)), "")


def chained(head: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Input that is not packed."""
    if head:
        yield head
        yield from pieces


def of_gzip(octets: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """One member after another (RFC 1952), and zeros behind the last one, which tapes are filled with."""
    while octets:
        member, is_full = zlib.decompressobj(zlib.MAX_WBITS | 16), False
        while not member.eof:
            if not octets and not is_full and not (octets := next(pieces, b"")):
                raise Damaged("its gzip data ends in the middle")
            before = member.copy()
            try:
                out = member.decompress(octets, PIECE)
            except zlib.error as error:
                yield from filter(None, [salvaged(before, octets)])
                raise Damaged(f"its gzip data is damaged ({words_of(error)})") from None
            octets, is_full = member.unconsumed_tail, len(out) == PIECE
            if out:
                yield out
        octets = member.unused_data.lstrip(b"\0")
        while not octets and (more := next(pieces, b"")):
            octets = more.lstrip(b"\0")


def salvaged(member: Any, octets: bytes) -> bytes:
    """What stands before the damage in `octets`, one piece at most: zlib drops all that it has made of them."""
    found = b""
    while octets and len(found) < PIECE:
        half = octets[: (len(octets) + 1) // 2]
        tried = member.copy()
        try:
            found += tried.decompress(half, PIECE - len(found))
        except zlib.error:
            if len(octets) == 1:
                break
            octets = half
        else:
            member, octets = tried, octets[len(half) :]
    return found


def of_frames(kind: str, octets: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """One frame (of bzip2 and xz: stream) after another."""
    new, errors = decoder_of(kind)
    try:
        while octets:
            frame = new()
            while not frame.eof:
                if not octets and frame.needs_input and not (octets := next(pieces, b"")):
                    raise Damaged(f"its {kind} data ends in the middle")
                out, octets = frame.decompress(octets, PIECE), b""
                if out:
                    yield out
            octets = frame.unused_data
            while not octets.lstrip(b"\0") and (more := next(pieces, b"")):
                octets = more
            if kind == "xz":
                octets = octets.lstrip(b"\0")  # which may stand there (xz file format, section 2.2)
    except errors as error:
        raise Damaged(f"its {kind} data is damaged ({words_of(error)})") from None


def decoder_of(kind: str) -> tuple[Callable[[], Any], tuple[type[Exception], ...]]:
    """What reads one frame, and what that raises."""
    if kind == "zstd":
        zstd = import_module(ZSTD)
        return zstd.ZstdDecompressor, (zstd.ZstdError,)
    if kind == "bzip2":
        return import_module("bz2").BZ2Decompressor, (OSError, ValueError)
    lzma = import_module("lzma")
    return lambda: lzma.LZMADecompressor(memlimit=XZ_MEMORY), (lzma.LZMAError,)


def words_of(error: Exception) -> str:
    """What a library says, without its own name for the failure."""
    return str(error).rpartition(": ")[2].rstrip(".")
