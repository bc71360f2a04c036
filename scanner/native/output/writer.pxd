"""From a job and its verdict to one JSONL line in the buffer. It knows nothing of input, attempts or networks."""

from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.output.buffer cimport LineBuffer, Span
from scanner.native.output.fields cimport ResponseFields
from scanner.native.verdict cimport Reason, Verdict

cdef class LineWriter:
    cdef readonly LineBuffer buffer
    cdef Books books
    cdef list type_tags                 # `,"t":"NS"` by type index
    cdef Span tags[32]                  # the same
    cdef bint with_line, with_why, with_time, with_us
    cdef readonly ResponseFields fields     # those that a response makes
    cdef Span no_lists                  # theirs for a line without one: lists that are empty, so that they can be walked
    cdef bint kept[3]                   # by Verdict: lines with it are written
    cdef double epoch                   # s to add to monotonic seconds for the wall clock

    cdef inline bint full(self) noexcept nogil:
        """No job is started until the lines are taken."""
        return self.buffer.used >= self.buffer.limit

    cdef inline bint keeps(self, Verdict verdict) noexcept nogil:
        """True for a verdict whose lines are written; the others are only counted."""
        return self.kept[<int>verdict]

    cdef int write(self, Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                   double now) except -1 nogil
    cdef int write_bad(self, bytes d, Reason reason, str why, int type_index, long long line) except -1
