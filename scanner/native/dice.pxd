"""Random octets of the kernel's CSPRNG (RFC 5452 section 9.2), drawn many at a time. Whoever draws owns a pool."""

from libc.stdint cimport uint8_t

cdef enum:
    POOL = 8192

cdef struct Dice:
    uint8_t octets[POOL]
    int left                # octets not yet given out; zeroed memory is an empty pool

cdef int refill(Dice *dice) except -1 with gil

cdef inline const uint8_t *roll(Dice *dice, int count) except NULL nogil:
    """So many octets (far fewer than the pool holds), each given out once."""
    if dice.left < count:
        refill(dice)
    dice.left -= count
    return dice.octets + dice.left
