"""Input lines, cut from chunks at 0x0A, in constant memory whatever their length."""

from libc.stdint cimport int64_t, uint8_t

cdef enum:
    LINE_MAX = 4096         # octets of an input line

cdef class LineReader:
    cdef object room_made               # called when a chunk is used up
    cdef readonly object chunks         # deque[(octets, lines before it or -1 = it goes on, when it came)]: bounded
                                        # by the source; the one thing here that another thread appends to and measures
    cdef bytes chunk                    # the one being cut
    cdef double came                    # s, the machine's monotonic clock: when that was fed
    cdef const uint8_t *at              # cursor in `chunk`
    cdef const uint8_t *chunk_end
    cdef int64_t begun                  # octets of all chunks that were begun, the present one included
    cdef uint8_t carry[4098]            # the head of a line whose end is in a later chunk
    cdef Py_ssize_t carried             # its octets; LINE_MAX + 1 = too long, the rest is dropped
    cdef const uint8_t *text            # the line just cut
    cdef Py_ssize_t length
    cdef int64_t number                 # its number in the input, from 1
    cdef bint ending                    # the end stands in `chunks`, behind the last one
    cdef readonly bint ended            # no chunk will come any more

    cdef inline bint used_up(self) noexcept nogil:
        """Every octet of the chunks that were begun is cut."""
        return self.at == self.chunk_end and self.carried == 0

    cdef double waited_s(self) noexcept
    cdef bint cut(self) except -1 nogil
    cdef bint next_chunk(self) except -1 with gil
