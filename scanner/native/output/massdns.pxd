"""From a job and its verdict to the line that `massdns -o J` writes, or to that of `massdns -o Je` for a failure."""

from libc.stdint cimport uint8_t

from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.output.buffer cimport LineBuffer, Span
from scanner.native.output.details cimport ResponseDetails
from scanner.native.output.writer cimport LineWriter
from scanner.native.verdict cimport Reason, Verdict

cdef class MassdnsDetails(ResponseDetails):
    pass

cdef class MassdnsWriter(LineWriter):
    cdef list heads                     # `","type":"A","class":"IN"` by type index
    cdef Span heads_of[32]              # the same
    cdef bytes own_tail                 # `","class":"IN"`, behind a line's own type
    cdef Span own_tail_of               # the same
    cdef double stamped                 # s, the engine's clock when `stamp` was made
    cdef char stamp[20]                 # ns since 1970, in digits
    cdef Py_ssize_t stamp_size

    cdef char *put_stamp(self, char *at, double now) noexcept nogil
