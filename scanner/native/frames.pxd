"""Framing of DNS messages on a stream: two octets of length before each (RFC 1035 section 4.2.2, RFC 7766 section 8)."""

from libc.stdint cimport uint8_t
from libc.stdlib cimport realloc
from libc.string cimport memcpy

from scanner.native.memory cimport checked_alloc

cdef struct Tail:                   # a frame whose rest has not come
    uint8_t *octets                 # owned
    Py_ssize_t used, room

cdef inline Py_ssize_t frame_size(const uint8_t *at, Py_ssize_t left) noexcept nogil:
    """Octets of the frame that begins at `at`, as far as that is known: 2 until its length is here."""
    return 2 if left < 2 else 2 + (at[0] << 8 | at[1])

cdef inline int keep(Tail *tail, const uint8_t *octets, Py_ssize_t length) except -1:
    """Append to the tail; its room grows with what comes, not with what is claimed."""
    if tail.used + length > tail.room:
        tail.octets = <uint8_t *>checked_alloc(realloc(tail.octets, 2 * (tail.used + length)))
        tail.room = 2 * (tail.used + length)
    memcpy(tail.octets + tail.used, octets, length)
    tail.used += length
    return 0
