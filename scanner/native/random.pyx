# cython: language_level=3
# cython: freethreading_compatible=True
"""Filling the pool that `random.pxd` draws from."""

import os

from libc.stdint cimport uint8_t
from libc.string cimport memcpy


cdef int refill(RandomPool *pool) except -1 with gil:
    """New octets for the whole pool; what was left of the old ones is dropped."""
    drawn = os.urandom(POOL_OCTETS)
    memcpy(pool.octets, <const uint8_t *>drawn, POOL_OCTETS)
    pool.left = POOL_OCTETS
    return 0
