"""Which input lines have their result already: one bit for each line and type."""

from libc.stdint cimport int64_t, uint8_t

cdef enum:
    PAGE_SHIFT = 21     # 2^21 bits, 256 KiB
    PAGE = 1 << (PAGE_SHIFT - 3)

cdef class Answered:
    cdef uint8_t **pages            # of PAGE octets; NULL where no bit is set: a damaged number costs one page
    cdef int64_t page_count
    cdef int type_count
    cdef dict type_indexes          # JSON text of a type -> its index
    cdef readonly int64_t count     # bits set
    cdef bytes begin, before_type   # of a line; of the type in it
    cdef bytes torn                 # the last line of the octets so far, its end missing
    cdef readonly int64_t octets    # of whole lines read

    cdef inline bint has(self, int64_t line, int type_index) noexcept nogil:
        """True when the line (from 1) has a result for the type."""
        cdef int64_t bit = (line - 1) * self.type_count + type_index
        cdef int64_t page = bit >> PAGE_SHIFT
        if page >= self.page_count or self.pages[page] is NULL:
            return False
        return self.pages[page][bit >> 3 & (PAGE - 1)] >> (bit & 7) & 1
    cdef uint8_t *page_of(self, int64_t bit) except NULL
    cdef int mark(self, const char *line, Py_ssize_t length) except -1
    cdef int type_index(self, const char *line, Py_ssize_t length) except -2
