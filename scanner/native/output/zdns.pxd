"""From a job and its verdict to the line of zdns 2: results by module, a status, keys by the type of each record."""

from libc.stdint cimport int64_t, uint8_t

from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.output.buffer cimport LineBuffer, Span
from scanner.native.output.details cimport ResponseDetails
from scanner.native.output.writer cimport LineWriter
from scanner.native.verdict cimport Reason, Verdict

cdef enum:
    STAMP = 20                          # characters of 2026-11-25T10:16:32Z

cdef class ZdnsDetails(ResponseDetails):
    pass

cdef class ZdnsWriter(LineWriter):
    cdef list modules                   # `"results":{"A":{"data":` by type index
    cdef Span modules_of[32]            # the same
    cdef int64_t second                 # of the wall clock, that `stamp` says
    cdef char stamp[STAMP + 1]

    cdef char *put_stamp(self, char *at, double wall) noexcept nogil
