"""Blocks of addresses (CIDR) as input lines: each address of a block on a line of its own, in order, as needed."""

import socket
from collections.abc import Callable, Iterator
from io import BytesIO
from ipaddress import IPv4Network, IPv6Network

from scanner.input.line import LINE_MAX, SPACE, block_of

PIECE = 128 * 1024  # octets, about
ADDRESS = 32  # of them, about
BLOCK_MAX = 100  # octets; no block is longer


def without_blocks(pieces: Iterator[bytes], met: Callable[[], object],
                   name_span: Callable[[bytes], tuple[int, int] | None] | None = None) -> Iterator[bytes]:  # fmt: skip
    """Whole lines as they come, with addresses in the place of blocks; `name_span(line)` is where these stand, without
    it they are all of a line. `met()` is called for each block."""
    for piece in pieces:
        at = end = 0
        for line in BytesIO(piece) if b"/" in piece else ():
            begin, stop = span_in(line, name_span)
            if block := block_in(line[begin:stop]):
                met()
                yield from filter(None, [piece[at:end]])
                yield from addresses(block, line[:begin], line[stop:])
                at = end + len(line)
            end += len(line)
        yield from filter(None, [piece[at:]])


def span_in(line: bytes, name_span: Callable[[bytes], tuple[int, int] | None] | None) -> tuple[int, int]:
    """Where a block may stand in the line; nowhere in a comment or a line without a slash."""
    if b"/" not in line or len(line) > LINE_MAX or line.lstrip(SPACE).startswith(b"#"):
        return 0, 0
    return (0, len(line) - line.endswith(b"\n")) if name_span is None else name_span(line) or (0, 0)


def block_in(text: bytes) -> IPv4Network | IPv6Network | None:
    """The block that it is, else None."""
    may_be = b"/" in text and len(text) <= BLOCK_MAX and text.isascii()
    return block_of(text.strip(SPACE).decode("ascii")) if may_be else None


def addresses(block: IPv4Network | IPv6Network, before: bytes, behind: bytes) -> Iterator[bytes]:
    """Lines with all of them, the first and the last included, each between these octets."""
    family, size = (socket.AF_INET, 4) if block.version == 4 else (socket.AF_INET6, 16)
    first, last = int(block.network_address), int(block.broadcast_address)
    count = max(PIECE // (len(before) + len(behind) + ADDRESS), 1)
    while first <= last:
        end = min(first + count, last + 1)
        texts = [socket.inet_ntop(family, each.to_bytes(size)).encode("ascii") for each in range(first, end)]
        yield before + (behind + before).join(texts) + behind
        first = end
