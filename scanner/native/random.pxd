"""Random octets of the kernel's CSPRNG (RFC 5452 section 9.2), drawn many at a time. A pool belongs to one engine."""

from libc.stdint cimport uint8_t

cdef enum:
    POOL_OCTETS = 8192

cdef struct RandomPool:
    uint8_t octets[POOL_OCTETS]
    int left                # octets not yet given out; zeroed memory is an empty pool

cdef int refill(RandomPool *pool) except -1 with gil

cdef inline const uint8_t *draw(RandomPool *pool, int count) except NULL nogil:
    """`count` octets, far fewer than a pool holds, each given out once; good until the next draw."""
    if pool.left < count:
        refill(pool)
    pool.left -= count
    return pool.octets + pool.left
