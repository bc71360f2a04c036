# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Where on Earth something is, and how large."""

from libc.stdint cimport int64_t, uint32_t

from scanner.native.message.cursor cimport refuse, u8, u32
from scanner.native.message.text cimport put_decimal, put_one, put_pair, put_space

cdef enum:
    SIZE = 0x12                 # the defaults: 1 m, 10 km, 10 m
    HORIZONTAL = 0x16
    VERTICAL = 0x13
    SEA_LEVEL = 10_000_000      # cm above the zero of altitudes


cdef int64_t EQUATOR = 0x80000000      # the prime meridian, too; never written after import


cdef void put_metres(Text *text, int64_t centimetres) noexcept nogil:
    if centimetres < 0:
        put_one(text, 45)
        centimetres = -centimetres
    put_decimal(text, <uint32_t>(centimetres // 100))
    put_one(text, 46)
    put_pair(text, <int>(centimetres % 100))
    put_one(text, 109)


cdef void put_angle(Cursor *rdata, Text *text, int64_t most, char positive, char negative) noexcept nogil:
    """Thousandths of a second of arc, 2^31 being the equator or the prime meridian; `most` degrees to each side."""
    cdef int64_t angle = <int64_t>u32(rdata) - EQUATOR
    cdef char side = positive if angle >= 0 else negative
    cdef int milliseconds
    angle = angle if angle >= 0 else -angle
    if angle > most * 3600000:
        refuse(rdata)
        return
    put_decimal(text, <uint32_t>(angle // 3600000))
    put_space(text)
    put_decimal(text, <uint32_t>(angle // 60000 % 60))
    put_space(text)
    milliseconds = <int>(angle % 60000)
    put_decimal(text, milliseconds // 1000)
    put_one(text, 46)
    put_one(text, <char>(48 + milliseconds % 1000 // 100))
    put_pair(text, milliseconds)
    put_space(text)
    put_one(text, side)
    put_space(text)


cdef void put_size(Text *text, int size) noexcept nogil:
    """A digit and a power of ten, in centimetres."""
    cdef int64_t centimetres = size >> 4
    cdef int power = size & 15
    while power:
        centimetres *= 10
        power -= 1
    put_space(text)
    put_metres(text, centimetres)


cdef inline bint is_size(int size) noexcept nogil:
    """Two digits; no digit of 0 with a power, which would be read as another."""
    return size >> 4 <= 9 and size & 15 <= 9 and (size >> 4 or not size & 15)


cdef void put_location(Cursor *rdata, Text *text) noexcept nogil:
    """The sizes are left out where all have their default."""
    cdef int version = u8(rdata)
    cdef int size = u8(rdata)
    cdef int horizontal = u8(rdata)
    cdef int vertical = u8(rdata)
    if version or not (is_size(size) and is_size(horizontal) and is_size(vertical)):
        refuse(rdata)
        return
    put_angle(rdata, text, 90, 78, 83)      # N S
    put_angle(rdata, text, 180, 69, 87)     # E W
    put_metres(text, <int64_t>u32(rdata) - SEA_LEVEL)
    if size != SIZE or horizontal != HORIZONTAL or vertical != VERTICAL:
        put_size(text, size)
        put_size(text, horizontal)
        put_size(text, vertical)
