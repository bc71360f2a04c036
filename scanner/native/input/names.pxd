"""The names of the input: each line that is worth asking, once for each type that has no result yet."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from scanner.native.input.answered cimport Answered
from scanner.native.input.lines cimport LineReader
from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.output.writer cimport LineWriter

cdef enum:
    TYPES_MAX = 32

cdef class NameReader:
    cdef readonly LineReader lines
    cdef LineWriter writer              # for lines that are no names
    cdef Books books
    cdef object classify_line           # called for a line that is not plain
    cdef readonly Answered answered     # lines that have their result from an earlier run, or None
    cdef bint special                   # special-use names are not sent
    cdef uint16_t types[TYPES_MAX]
    cdef int type_count
    cdef bint at_name                   # the name below is still to be handed out, for the type at `type_index`
    cdef int type_index
    cdef uint8_t qname[256]
    cdef int qname_length
    cdef bytes d                        # the line's JSON text, where it is not the name's own
    cdef bint dot                       # the line has a trailing dot

    cdef inline bint at_hand(self) except -1 nogil:
        """Have a name, from the next line if need be; lines that are none get their output here."""
        if not self.at_name:
            self.at_name = self.next_name()
        return self.at_name

    cdef int hand_out(self, Job *job) except -1 nogil
    cdef bint next_name(self) except -1 nogil
    cdef bint next_type(self) noexcept nogil
    cdef bint needs_classifying(self, const uint8_t *text, Py_ssize_t length) noexcept nogil
    cdef bint is_name(self, const uint8_t *text, Py_ssize_t length) except -1 with gil
