# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The floor under `dnsscan names`: the names of `[a-z]{6}.com` by six counters, written to a pipe. Nothing else: no
pattern, no number, no order, no way to begin in the middle.
"""

from libc.string cimport memcpy
from posix.unistd cimport write

cdef enum:
    LETTERS = 6
    LINE = 11           # octets of a name and its LF
    LINES = 372         # of a write: what fits PIPE_BUF, as the program writes


def run(long long names) -> None:
    """Write the first so many names to stdout; stops when it cannot."""
    cdef char block[LINE * LINES]
    cdef char name[LINE]
    cdef int at, used = 0
    memcpy(name, b"aaaaaa.com\n", LINE)
    while names:
        memcpy(block + used, name, LINE)
        used += LINE
        names -= 1
        if used == LINE * LINES or names == 0:
            if write(1, block, used) != used:
                return
            used = 0
        at = LETTERS - 1
        while at >= 0 and name[at] == 122:
            name[at] = 97
            at -= 1
        if at >= 0:
            name[at] += 1
