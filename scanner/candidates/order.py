"""Which of a space's names are written, and in which order: the seed's keys, the shard, where to begin, how many.

A stretch is places `first, first + step, ...` of the order; the native code turns a place into a number and that into
the name (`blocks.pyx`). All that shards, machines and runs must agree about is the space, the seed and these numbers.
"""

import re
import struct
from dataclasses import dataclass
from hashlib import shake_256

from scanner.errors import ScanError
from scanner.text import shown

ROUNDS = 12  # of the permutation; with 8, some orders of six names are seen far more often than others
PLACES_MAX = 1 << 126  # beyond, a name has no number in native code
DIGITS_MAX = 39  # of a number in a flag


@dataclass(frozen=True)
class Stretch:
    """`count` places of the order from `first`, every `step`-th; `keys` of the permutation, none: the plain order."""

    first: int
    step: int
    count: int
    keys: tuple[int, ...] = ()


def stretch(size: int, *, seed: str | None, shard: tuple[int, int], skip: int, limit: int | None) -> Stretch:
    """The places that are asked for, of `size`. Raises ScanError when there are more than can be numbered."""
    number, shards = shard
    first = number - 1 + skip * shards
    count = max(0, -((first - size) // shards))
    if limit is not None:
        count = min(count, limit)
    if count == 0:
        return Stretch(0, 1, 0)
    if (first if seed is None else size) > PLACES_MAX:
        flag = "--skip" if seed is None else "--shuffle"
        raise ScanError(f"{flag}: names beyond the 2^126th cannot be reached; there are some 10^{len(str(size)) - 1}")
    return Stretch(first, shards, count, () if seed is None else keys_of(seed))


def keys_of(seed: str) -> tuple[int, ...]:
    """The keys that a seed, any text, stands for; 64 bits for each round."""
    octets = b"dnsscan names\0" + seed.encode("utf-8", "surrogateescape")
    return struct.unpack(f"<{ROUNDS}Q", shake_256(octets).digest(8 * ROUNDS))


def shard_of(text: str) -> tuple[int, int]:
    """`1/4`: the first of four. Raises ScanError."""
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ScanError(f"--shard: {shown(text)} is no shard; write 1/4 for the first of four, then 2/4, 3/4 and 4/4")
    return int(found[1]), int(found[2])


def number_of(flag: str, text: str) -> int:
    """A number of names, in ASCII digits. Raises ScanError."""
    if not re.fullmatch(rf"[0-9]{{1,{DIGITS_MAX}}}", text):
        raise ScanError(f"{flag}: {shown(text)} is no number of names; write digits, {DIGITS_MAX} at most")
    return int(text)
