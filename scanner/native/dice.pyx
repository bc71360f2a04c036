# cython: language_level=3
# cython: freethreading_compatible=True
"""The drawing behind `dice.pxd`."""

import os

from libc.stdint cimport uint8_t
from libc.string cimport memcpy


cdef int refill(Dice *dice) except -1 with gil:
    """A pool of new octets; what was left of the old one is dropped."""
    drawn = os.urandom(POOL)
    memcpy(dice.octets, <const uint8_t *>drawn, POOL)
    dice.left = POOL
    return 0
