"""The half of a job pool that ends jobs."""

from scanner.native.exchange cimport Exchange
from scanner.native.input.names cimport NameReader
from scanner.native.input.suffixes cimport LONGER, UNMET, SuffixTable
from scanner.native.jobs.books cimport Books
from scanner.native.jobs.clock cimport ScanClock, held_after, scan_time
from scanner.native.jobs.deferral cimport Deferral
from scanner.native.jobs.job cimport Job, Queue
from scanner.native.jobs.opinion cimport SecondOpinion
from scanner.native.jobs.retry cimport RetryQueue, Route
from scanner.native.jobs.slots cimport JobSlots
from scanner.native.jobs.unproven cimport Unproven
from scanner.native.message.query cimport QueryForm
from scanner.native.output.buffer cimport Span
from scanner.native.output.writer cimport LineWriter
from scanner.native.verdict cimport ERROR, Reason, Verdict

cdef inline Span nothing() noexcept nogil:
    cdef Span span
    span.octets, span.length = b"", 0
    return span

cdef class JobCloser:
    cdef readonly NameReader names      # the input
    cdef readonly LineWriter writer     # the output
    cdef readonly Books books           # any thread
    cdef readonly Exchange exchange     # queries in flight
    cdef readonly Deferral deferral     # jobs that wait for the second pass
    cdef readonly JobSlots slots        # memory
    cdef readonly Unproven unproven     # lines that wait for their resolver's canaries, None = none do
    cdef QueryForm asking               # what its queries have in common
    cdef readonly list queues           # RetryQueue of each route; the first is that of names with no other
    cdef Route **routes                 # of these
    cdef int route_count
    cdef int own_routes                 # those from this index on are of resolvers that lines name
    cdef SuffixTable suffixes           # None = there is one route
    cdef readonly SecondOpinion opinion # None = there are no trusted resolvers
    cdef int fresh                      # jobs that no route's resolver was asked for yet
    cdef Queue pending                  # jobs below suffixes whose servers are being found
    cdef list wanted                    # such suffixes, that nobody was asked for yet
    cdef int recalled_to                # the route of the last job that came back for its second pass
    cdef Queue outgoing                 # jobs that another engine is to ask
    cdef ScanClock clock
    cdef public bint exports_retries    # jobs to be tried again go to another engine, which is answered
    cdef bint stopped                   # by the user: there is no second pass any more
    cdef bint leaving                   # a budget is used up: nothing is tried again
    cdef Span described                 # fields of the response that a job is failing by; empty when none is

    cdef inline double waited(self, double sent, double now) noexcept nogil:
        """Seconds from `sent` to `now`, without those in which the reader of the output held everything up."""
        return now - sent - held_after(&self.clock, sent)

    cdef inline double scan_now(self, double now) noexcept nogil:
        return scan_time(&self.clock, now)

    cdef inline Queue *queue_of(self, const Job *job) noexcept nogil:
        """Where the job waits to be tried again."""
        cdef Route *route = self.routes[job.route]
        if route.authoritative and route.elsewhere and (job.attempt & 1 or route.resolvers < 2):
            return &self.outgoing           # to the next server, which may be another engine's
        return self.queue_of_route(route)

    cdef inline Queue *queue_of_route(self, Route *route) noexcept nogil:
        return &self.outgoing if not route.here or (self.exports_retries and route.elsewhere) else &route.waiting

    cdef inline bint is_silent(self, const Route *route, double clock) noexcept nogil:
        """Jobs wait, and nothing was answered for half as long as one name may take."""
        return route.silent_since >= 0 and clock - route.silent_since > self.deferral.deadline_s / 2

    cdef inline int find_route(self, Job *job) except -1 nogil:
        """Its route; negative: the servers of its suffix are being found. That to the resolver of its line it has."""
        if self.suffixes is not None:
            if job.denied_by >= 0:
                job.route = self.opinion.route
                return 0
            if job.route >= self.own_routes:
                return 0
            job.route = self.suffixes.find(job.qname, job.qname_length)
            if job.route == UNMET or job.route == LONGER:
                self.want(job)
        return 0

    cdef inline bint has_route(self, const Job *job) noexcept nogil:
        """False while its route is still to come."""
        return 0 <= job.route < self.route_count

    cdef inline void note(self, const Job *job, Reason reason) noexcept nogil:
        """What is said beside the reason of a line without a verdict."""
        if self.opinion is not None:
            self.writer.remark = self.opinion.remark(job, ERROR, reason, reason, -1)

    cdef int want(self, Job *job) except -1 nogil
    cdef int finish_nowhere(self, Job *job, double now) except -1 nogil
    cdef int drop_queue(self, Queue *queue) except -1 nogil
    cdef int give_up(self, Job *job) except -1 nogil
    cdef int random_failed(self, Job *job) except -1 nogil
    cdef int finish_unanswered(self, Job *job, Reason reason, double now) except -1 nogil
    cdef int fail_job(self, Job *job, Reason reason, double now) except -1 nogil
    cdef int finish(self, Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                    double now) except -1 nogil
    cdef int write_or_keep(self, Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                           double now) except -1 nogil
    cdef int expire_queue(self, Queue *queue, double clock, double now) except -1 nogil
    cdef int fail_queue(self, Queue *queue, Reason reason, double now, int most) except -1 nogil
    cdef bint is_hopeless(self) noexcept nogil
    cdef bint defer(self, Job *job, Reason reason, double now) except -1 nogil
    cdef int recall(self, double now) except -1 nogil
    cdef int write_deferred(self, double now) except -1 nogil
