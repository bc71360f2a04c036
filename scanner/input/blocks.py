"""Blocks of addresses (CIDR) as input lines: each address of a block on a line of its own, in order, as needed."""

import socket
from collections.abc import Callable, Iterator
from io import BytesIO
from ipaddress import IPv4Network, IPv6Network

from scanner.input.line import SPACE, block_of

AT_ONCE = 4096  # addresses
LINE_MAX = 100  # octets; no block is longer


def without_blocks(pieces: Iterator[bytes], met: Callable[[], object]) -> Iterator[bytes]:
    """Whole lines as they come, with addresses in the place of blocks. `met()` is called for each block."""
    for piece in pieces:
        at = end = 0
        for line in BytesIO(piece) if b"/" in piece else ():
            if block := block_in(line):
                met()
                yield from filter(None, [piece[at:end]])
                yield from addresses(block)
                at = end + len(line)
            end += len(line)
        yield from filter(None, [piece[at:]])


def block_in(line: bytes) -> IPv4Network | IPv6Network | None:
    """The block that a line is, else None."""
    may_be = b"/" in line and len(line) <= LINE_MAX and line.isascii()
    return block_of(line.strip(SPACE + b"\n").decode("ascii")) if may_be else None


def addresses(block: IPv4Network | IPv6Network) -> Iterator[bytes]:
    """All of them, the first and the last included, one a line."""
    family, size = (socket.AF_INET, 4) if block.version == 4 else (socket.AF_INET6, 16)
    begin, last = int(block.network_address), int(block.broadcast_address)
    while begin <= last:
        end = min(begin + AT_ONCE, last + 1)
        lines = [socket.inet_ntop(family, each.to_bytes(size)) + "\n" for each in range(begin, end)]
        yield "".join(lines).encode("ascii")
        begin = end
