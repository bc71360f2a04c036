"""From a job and its verdict to one line in the buffer, in whatever format. It knows nothing of input, attempts or
networks."""

from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.output.buffer cimport LineBuffer, Span, put, put_number, put_span
from scanner.native.output.details cimport ResponseDetails
from scanner.native.verdict cimport RCODE, REASON_COUNT, WILDCARD, Reason, Verdict

cdef enum Kept:
    KEPT_NONE
    KEPT_ALL
    KEPT_OWN
    KEPT_WILD

ctypedef Span ByReason[REASON_COUNT]

cdef ByReason REASON_TEXTS              # `servfail`; neither is written after import
cdef ByReason WHY                       # the same in words

cdef class LineWriter:
    cdef readonly LineBuffer buffer
    cdef Books books
    cdef int kept[3]                    # by Verdict: lines with it are written, or only some of `taken`
    cdef bint with_line                 # lines say which input line they answer
    cdef bint with_meta                 # and what stood beside its name
    cdef bint with_own_type             # each line has its own type: that of the job, and not of an index
    cdef readonly ResponseDetails details   # what they say of a response
    cdef Span remark                    # of the next line: what stands behind its reason in words
    cdef double epoch                   # s to add to monotonic seconds for the wall clock

    cdef inline bint full(self) noexcept nogil:
        """No job is started until the lines are taken."""
        return self.buffer.used >= self.buffer.limit

    cdef inline bint keeps(self, Verdict verdict) noexcept nogil:
        """True for a verdict whose lines are written; the others are only counted."""
        return self.kept[<int>verdict] != KEPT_NONE

    cdef inline bint is_written(self, Verdict verdict, Reason reason) noexcept nogil:
        """A line with this verdict and reason is."""
        cdef int kept = self.kept[<int>verdict]
        return kept != KEPT_NONE and (kept <= KEPT_ALL or (kept == KEPT_WILD) == (reason == WILDCARD))

    cdef int write(self, const Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                   double now) except -1 nogil
    cdef int write_bad(self, bytes d, Reason reason, str why, int type_index, int qtype, long long line, bytes m) except -1
    cdef int put_line(self, const Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                      double now) except -1 nogil
    cdef int put_bad(self, bytes d, Reason reason, str why, int type_index, int qtype, long long line, bytes m) except -1

cdef inline char *put_reason(char *at, const Span *texts, Reason reason, int rcode) noexcept nogil:
    """Its text, an RCODE without a name of its own with its number, and the quotes that end it."""
    at = put_span(at, texts[<int>reason])
    if reason == RCODE:
        at = put_number(at, rcode)
    return put(at, b'"', 1)

cdef char *put_meta(char *at, const char *key, Py_ssize_t length, const Job *job) noexcept nogil
cdef char *put_own_type(char *at, int rtype) noexcept nogil
cdef bytes quotable(str text)
cdef bytes type_text(int rtype)
cdef bytes class_text(int rclass)
