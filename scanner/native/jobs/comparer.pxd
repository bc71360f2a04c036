"""The part of a job pool that holds answers against those of random names: is there a wildcard (RFC 4592)?

A job whose name exists waits, the first below its parent, while two random names below that parent are asked: jobs like
others, of the same route, but of no input line and without an output line. What they were answered is known from then on.
Where a name gets something else than they did, six more are asked before that is believed: wildcards may give now these
addresses, now those. Random names that get no answer prove nothing: then the job is finished as if none had been asked.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from scanner.native.input.wild_suffix cimport wild_suffix_at
from scanner.native.jobs.closer cimport JobCloser
from scanner.native.jobs.job cimport Job
from scanner.native.jobs.parents cimport PARENT_PLAIN, Parent, Parents
from scanner.native.limits cimport Budget
from scanner.native.message.fingerprint cimport Fingerprint
from scanner.native.message.response cimport Response
from scanner.native.output.buffer cimport Span
from scanner.native.verdict cimport Outcome, Reason

cdef struct Compared:           # the answer of a job that waits; malloc'd, owned by it. Behind it: items, tags, message
    double spent                # s, of the attempt
    double at                   # s, monotonic: when it came
    Reason reason
    int count                   # items
    uint64_t *items
    Span tags
    uint8_t *message
    Py_ssize_t length           # of it, 0 = no line says anything of it

cdef class JobComparer(JobCloser):
    cdef readonly Budget budget         # queries that may be sent in all, None = any number
    cdef readonly Parents parents       # None = nothing is compared
    cdef bint of_suffixes               # what is below certain suffixes is; else all
    cdef uint64_t seed                  # of hashes
    cdef double now                     # s, monotonic: the last response

    cdef bint waits_to_be_compared(self, Job *job, int at, Outcome *outcome, const Response *response, const uint8_t *message,
                                   Py_ssize_t length, double spent, Span tags, double now) except -1 nogil
    cdef int fingerprint_of(self, const Job *job, const Response *response, const uint8_t *message, Py_ssize_t length,
                            Fingerprint *found) noexcept nogil
    cdef int keep_waiting(self, Job *job, Parent *parent, Reason reason, const Fingerprint *found, const uint8_t *message,
                          Py_ssize_t length, double spent, Span tags) except -1 nogil
    cdef bint ask_beside(self, Parent *parent, const Job *like, int count) except -1 nogil
    cdef Job *random_job(self, Parent *parent, const Job *like, int at) except NULL nogil
    cdef int begin_random(self, Job *job, const Job *like) except -1 nogil
    cdef int random_answered(self, Job *job, const Outcome *outcome, const Response *response, const uint8_t *message,
                             Py_ssize_t length, double now) except -1 nogil
    cdef int random_moved(self, Job *job) except -1 nogil
    cdef int move(self, Job *job, const Parent *parent) except -1 nogil
    cdef int random_over(self, Job *job) except -1 nogil
    cdef int settle_parent(self, Parent *parent) except -1 nogil
    cdef int finish_compared(self, Job *job, bint is_same, bint is_known) except -1 nogil
    cdef void uncompared(self, Job *job) noexcept nogil
    cdef Span describe(self, const Job *job, const uint8_t *message, Py_ssize_t length) noexcept nogil

cdef inline int parent_at(const Job *job, bint of_suffixes) noexcept nogil:
    """Where in its name the parent begins; 0 where it is not compared with others below one."""
    if of_suffixes:
        return wild_suffix_at(job.qname, job.qname_length)
    return 1 + job.qname[0] if job.qname_length > 1 else 0

cdef inline int compared_at(Parents parents, const Job *job, bint of_suffixes) noexcept nogil:
    """The same; 0 too where the newest parent is known to have no wildcard: so names cost next to nothing."""
    cdef int at = parent_at(job, of_suffixes)
    if at and parents.is_newest(job, at) and parents.newest.state == PARENT_PLAIN:
        return 0
    return at
