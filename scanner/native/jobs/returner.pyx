# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""What comes back of a job that was asked: a response, nothing in time, a query that never left; and where it goes then."""

from libc.stdint cimport uint8_t

from scanner.native.jobs.books cimport DOUBTED, REQUEUED, RETRIED
from scanner.native.jobs.closer cimport nothing
from scanner.native.jobs.comparer cimport compared_at
from scanner.native.input.suffixes cimport Suffix
from scanner.native.jobs.job cimport ROLE_RANDOM, ask_without_edns_after_silence, push, push_front
from scanner.native.jobs.retry cimport server_bit
from scanner.native.message.owners cimport is_name_at
from scanner.native.verdict cimport (
    ASK_WITHOUT_EDNS, CONNECTION, ERROR, REFERRAL, TAKEN, TIMEOUT, WRITE, Outcome, of_an_authority, outcome_of, reason_of,
)

cdef enum:
    AUTHORITATIVE = 0x04        # AA, of a message's third octet
    LOOKED_AT_MAX = 4096        # octets of names


cdef class JobReturner(JobComparer):
    """The part of a JobPool that takes jobs back; it knows nothing of input."""

    cdef bint respond(self, Query *query, const Response *response, const uint8_t *message, Py_ssize_t length, Span tags,
                      int resolver, double now) except -1 nogil:
        """A response of this resolver that fits the query, which is over with it. True when its server may know no EDNS."""
        cdef Job *job = query.job
        cdef double rtt = self.waited(query.sent, now)
        cdef Outcome outcome = outcome_of(response, query.edns)
        cdef Span details = nothing()
        cdef Reason said
        cdef int at
        if self.any_authoritative and self.routes[job.route].authoritative:
            outcome = of_an_authority(outcome, message)
            if outcome.verdict == ERROR and self.is_delegated_above(job, response, message, length):
                outcome = Outcome(ERROR, REFERRAL, WRITE)
        job.rcode = response.rcode
        if self.failover and outcome.next != ASK_WITHOUT_EDNS and self.fails_over(job, response.rcode):
            self.exchange.end(query)
            self.fail_over(job, reason_of(response.rcode), now)
            return False
        if outcome.next == WRITE:
            self.exchange.settle(query)
            if self.parents is not None and job.role == ROLE_RANDOM:
                if outcome.verdict == ERROR:
                    self.random_failed(job)
                else:
                    self.random_answered(job, &outcome, response, message, length, now)
                return False
            if self.unproven is not None:
                job.resolver = resolver         # whose word it is: another query of it may have left later
            if self.opinion is not None:
                if self.opinion.is_wanted(job, self.routes[job.route], outcome.verdict, resolver):
                    self.ask_trusted(job, resolver, now)
                    return False
                said = outcome.reason
                outcome = self.opinion.of_both(job, outcome)
                self.writer.remark = self.opinion.remark(job, outcome.verdict, outcome.reason, said, resolver)
            if outcome.verdict == TAKEN and self.parents is not None and job.route < self.own_routes:
                at = compared_at(self.parents, job, self.of_suffixes)
                if at and self.waits_to_be_compared(job, at, &outcome, response, message, length, rtt, tags, now):
                    return False
            if self.writer.details.wanted and self.writer.keeps(outcome.verdict):
                details = self.describe(job, message, length)
            self.finish(job, outcome.verdict, outcome.reason, rtt, tags, details, now)
            return False
        self.exchange.end(query)
        job.without_edns = job.without_edns or outcome.next == ASK_WITHOUT_EDNS
        if self.writer.details.wanted and self.is_last(job):
            self.described = self.describe(job, message, length)        # its extended errors say why
        self.retry_or_fail(job, outcome.reason, outcome.next != ASK_WITHOUT_EDNS, now)
        self.described = nothing()
        return outcome.next == ASK_WITHOUT_EDNS

    cdef bint is_delegated_above(self, const Job *job, const Response *response, const uint8_t *message,
                                 Py_ssize_t length) noexcept nogil:
        """An authority refers to the servers of a name that is above the job's and below its suffix: that one is delegated,
        and no other server of the zone can say more of what is below."""
        cdef Suffix *suffix = NULL
        cdef int at = 0, before, least = 1, left = LOOKED_AT_MAX
        if response.referred_at == 0 or message[2] & AUTHORITATIVE:
            return False
        if self.suffixes is not None:
            suffix = self.suffixes.longest_of(job.qname, job.qname_length, &before)
        if suffix is not NULL:
            least = suffix.length
        while job.qname[at]:
            at += 1 + job.qname[at]
            if job.qname_length - at <= least:
                return False
            if is_name_at(message, length, response.referred_at, job.qname + at, &left):
                return True
        return False

    cdef int begin_random(self, Job *job, const Job *like) except -1 nogil:
        """It waits to be asked where the other was asked."""
        if like.by_stream:
            job.resolver = like.resolver
            return self.by_stream(job, <StreamCause>like.stream_cause)
        push(&self.routes[job.route].waiting, job)
        return 0

    cdef int ask_trusted(self, Job *job, int resolver, double now) except -1 nogil:
        """NXDOMAIN came from this resolver: the job waits for those that are to confirm it."""
        if self.leaving:
            self.give_up(job)
            return 0
        self.books.add(DOUBTED)
        self.opinion.begin(job, resolver)
        job.without_edns = not self.asking.form.edns
        return self.take_in(job, now)

    cdef int take_in(self, Job *job, double now) except -1 nogil:
        """The job waits with those of its route (JobPool)."""
        with gil:
            raise NotImplementedError

    cdef int retry_or_fail(self, Job *job, Reason reason, bint spend, double now) except -1 nogil:
        """A query of the job is over without a verdict: to be tried elsewhere, or finished when its attempts or its time
        are used up. While another query of it is in flight, that one decides."""
        job.reason = reason
        if job.in_flight:
            return 0
        if spend:
            self.exchange.troubles += 1
            if reason == TIMEOUT or reason == CONNECTION:
                self.routes[job.route].trouble = reason
            if self.is_last(job):
                return self.fail_job(job, reason, now)
            job.attempt = min(job.attempt + 1, 255)
            if self.routes[job.route].authoritative and not self.has_untried(job):
                job.tried = server_bit(self.routes[job.route], job.resolver)
            elif self.failover and self.routes[job.route].servers & ~job.tried == 0:
                job.tried, job.failed_over = server_bit(self.routes[job.route], job.resolver), True
            if reason == TIMEOUT and job.attempt == self.retries + job.earlier:
                ask_without_edns_after_silence(job)
            self.books.add(RETRIED)
        elif job.requeues < 255:
            job.requeues += 1
            self.books.add(REQUEUED)
        return self.to_queue(job, self.queue_of(job), now)

    cdef int fail_over(self, Job *job, Reason reason, double now) except -1 nogil:
        """The job goes to another resolver of its route; no attempt is spent."""
        job.reason = reason
        if job.in_flight:
            return 0
        self.books.add(REQUEUED)
        return self.to_queue(job, self.queue_of(job), now)

    cdef int ask_alone(self, Job *job, LoneQueue *lone, Reason reason, double now) except -1 nogil:
        """A connection ended under the job and others, and one of the others may be why: before that ends the job, it is
        asked alone. No attempt is spent."""
        job.reason = reason
        if job.in_flight:
            return 0
        job.requeues = min(job.requeues + 1, 255)
        self.books.add(REQUEUED)
        return self.to_queue(job, &lone.waiting, now)

    cdef int to_queue(self, Job *job, Queue *queue, double now) except -1 nogil:
        """The job waits, unless its time is over or the scan is being left."""
        if self.scan_now(now) >= job.deadline:
            return self.fail_job(job, <Reason>job.reason, now)
        if self.leaving:
            self.give_up(job)
            return 0
        job.queued_at = now
        push(queue, job)
        return 0

    cdef int put_back(self, Job *job, double now) except -1 nogil:
        """The job's query never left: it is the next to be asked, anywhere, and nothing is spent."""
        if self.leaving:
            self.give_up(job)
            return 0
        job.worker = job.egress = job.resolver = -1
        job.queued_at = now
        push_front(&self.routes[job.route].waiting, job)
        return 0

    cdef int by_stream(self, Job *job, StreamCause cause) except -1 nogil:
        """The job is to be asked over a stream, by the resolver that had it last; no attempt is spent. Nothing of it is
        in flight."""
        if self.leaving:
            self.give_up(job)
            return 0
        job.reason = TIMEOUT                            # unless a stream brings something else
        job.by_stream, job.stream_cause = True, cause
        if self.exports_fallback:
            push(&self.outgoing, job)
            return 0
        with gil:
            push(&(<StreamFallback>self.fallback_for(job.resolver)).waiting, job)
        return 0

    def fallback_for(self, int resolver) -> StreamFallback:
        """The queue of jobs for streams to a resolver, made when first needed."""
        while len(self.fallbacks) <= resolver:
            self.fallbacks.append(None)
        if self.fallbacks[resolver] is None:
            self.fallbacks[resolver] = StreamFallback(resolver)
        return self.fallbacks[resolver]
