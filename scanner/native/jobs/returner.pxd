"""The part of a job pool that takes jobs back from where they were asked."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from scanner.native.jobs.comparer cimport JobComparer
from scanner.native.jobs.fallback cimport StreamFallback
from scanner.native.jobs.job cimport Job, LoneQueue, Query, Queue, StreamCause
from scanner.native.jobs.retry cimport MEMBERS_MAX, RetryQueue, Route, server_bit
from scanner.native.message.response cimport Response
from scanner.native.output.buffer cimport Span
from scanner.native.verdict cimport Reason

cdef enum:
    SERVERS_TRIED = MEMBERS_MAX     # of an authoritative route, whatever the attempts

cdef class JobReturner(JobComparer):
    cdef readonly RetryQueue retry      # jobs to be tried again, of names with no route of their own
    cdef bint any_authoritative         # there is such a route
    cdef readonly list fallbacks        # StreamFallback by resolver index, or None
    cdef bint exports_fallback          # jobs that need a stream go there
    cdef int retries                    # attempts after the first
    cdef uint32_t failover              # RCODEs with which a job goes to another resolver at once, a bit for each
    cdef bint notes_tried               # that, or there are authoritative routes: jobs know whom they were asked of

    cdef inline bint is_last(self, const Job *job) noexcept nogil:
        """No attempt is left after the one under way: of an authoritative route, each server is tried."""
        return (job.attempt >= self.retries + job.earlier or (job.second and job.denied_by < 0)) and not (
            self.has_untried(job) and job.attempt < self.retries + <int>SERVERS_TRIED)

    cdef inline bint has_untried(self, const Job *job) noexcept nogil:
        """It may be asked of a server of its authoritative route that it was not asked of."""
        cdef const Route *route = self.routes[job.route]
        return route.authoritative and not job.second and route.servers & ~job.tried != 0

    cdef inline void note_asked(self, Job *job, int resolver) noexcept nogil:
        """It is about to be asked of this one; where that is the second time, nothing is free any more."""
        cdef uint64_t bit = server_bit(self.routes[job.route], resolver)
        job.failed_over = job.failed_over or job.tried & bit != 0
        job.tried |= bit

    cdef inline bint fails_over(self, const Job *job, int rcode) noexcept nogil:
        """A response with this RCODE sends it to a resolver of its route that it was not asked of: no attempt."""
        cdef const Route *route = self.routes[job.route]
        return (rcode < 32 and self.failover >> rcode & 1 and not job.failed_over and not job.second
                and not route.authoritative and route.servers & ~job.tried != 0)

    cdef bint is_delegated_above(self, const Job *job, const Response *response, const uint8_t *message,
                                 Py_ssize_t length) noexcept nogil
    cdef int fail_over(self, Job *job, Reason reason, double now) except -1 nogil
    cdef bint respond(self, Query *query, const Response *response, const uint8_t *message, Py_ssize_t length, Span tags,
                      int resolver, double now) except -1 nogil
    cdef int ask_trusted(self, Job *job, int resolver, double now) except -1 nogil
    cdef int take_in(self, Job *job, double now) except -1 nogil
    cdef int retry_or_fail(self, Job *job, Reason reason, bint spend, double now) except -1 nogil
    cdef int ask_alone(self, Job *job, LoneQueue *lone, Reason reason, double now) except -1 nogil
    cdef int to_queue(self, Job *job, Queue *queue, double now) except -1 nogil
    cdef int put_back(self, Job *job, double now) except -1 nogil
    cdef int by_stream(self, Job *job, StreamCause cause) except -1 nogil
