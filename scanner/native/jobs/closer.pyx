# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""How a job ends: its line is written, or it is kept for the second pass, or it is left to another run."""

from scanner.native.jobs.books cimport RECOVERED, RETRIED, SECOND, UNFINISHED
from scanner.native.jobs.clock cimport end_hold
from scanner.native.jobs.job cimport ROLE_RANDOM, ask_without_edns_after_silence, pop, push
from scanner.native.verdict cimport CONNECTION, ERROR, NONE, TIMEOUT, TRUNCATED, Reason

cdef enum:
    RECALL_AHEAD = 16           # deferred jobs in the queue of those that wait


cdef class JobCloser:
    """The half of a JobPool that ends jobs; it knows nothing of attempts."""

    cdef int want(self, Job *job) except -1 nogil:
        """The job has a suffix that none had before: its servers are to be found."""
        with gil:
            suffix = self.suffixes.want(job.qname, job.qname_length)
            if suffix is not None:
                self.wanted.append(suffix)
        return 0

    # -- without a line ---------------------------------------------------------------------------------------------

    cdef int drop_queue(self, Queue *queue) except -1 nogil:
        cdef Job *job = pop(queue)
        while job is not NULL:
            self.give_up(job)
            job = pop(queue)
        return 0

    cdef int give_up(self, Job *job) except -1 nogil:
        """No line for this job, nor for those that are the same."""
        cdef Job *same
        if job.role == ROLE_RANDOM:
            return self.random_failed(job)
        while job is not NULL:
            same = job.same
            self.slots.release(job)
            self.books.add(UNFINISHED)
            job = same
        return 0

    cdef int random_failed(self, Job *job) except -1 nogil:
        """A random name is over without an answer (JobComparer)."""
        with gil:
            raise NotImplementedError

    # -- with one ----------------------------------------------------------------------------------------------------

    cdef int fail_job(self, Job *job, Reason reason, double now) except -1 nogil:
        """No verdict: `error`, and the time that was spent in all; but first a second pass, where that may help."""
        if job.role == ROLE_RANDOM:
            return self.random_failed(job)
        if self.deferral.helps(job, reason, self.scan_now(now)) and self.defer(job, reason, now):
            return 0
        return self.finish_unanswered(job, reason, now)

    cdef int finish_unanswered(self, Job *job, Reason reason, double now) except -1 nogil:
        """Write the line of a job without a verdict: no second pass."""
        if job.role == ROLE_RANDOM:
            return self.random_failed(job)
        self.note(job, reason)
        return self.finish(job, ERROR, reason, self.scan_now(now) - job.started, nothing(), self.described, now)

    cdef int finish(self, Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                    double now) except -1 nogil:
        """Write the line of a job, and of every job that is the same; then their slots are free."""
        cdef Job *same = job.same
        cdef Job *after
        if (reason == TIMEOUT or reason == CONNECTION) and job.cut:
            reason = TRUNCATED          # it was answered, and TCP could not bring the rest
        self.write_or_keep(job, verdict, reason, spent, tags, details, now)
        while same is not NULL:
            same.rcode, same.attempt, same.resolver = job.rcode, job.attempt, job.resolver
            self.write_or_keep(same, verdict, reason, spent, tags, details, now)
            after = same.same
            self.slots.release(same)
            same = after
        self.slots.release(job)
        if self.opinion is not None:
            self.writer.remark.length = 0       # it is of no other line
        return 0

    cdef int write_or_keep(self, Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                           double now) except -1 nogil:
        """The line of one job; a verdict is kept where the resolver that gave it has still to prove itself."""
        if verdict != ERROR:
            if self.unproven is not None and self.unproven.judges(job.resolver):
                return self.unproven.keep(job, verdict, reason, spent, tags, details, now)
            if job.second:
                self.books.add(RECOVERED)
        return self.writer.write(job, verdict, reason, spent, tags, details, now)

    cdef int finish_nowhere(self, Job *job, double now) except -1 nogil:
        """There is nobody to ask for this job. Where that is so because the servers of its suffix were not found, they may
        be found later."""
        cdef Route *route = self.routes[job.route]
        cdef Reason reason = route.nowhere
        job.started = min(job.started, self.scan_now(now))
        job.deadline = self.scan_now(now) + self.deferral.deadline_s
        self.described.octets, self.described.length = route.why.octets + route.why.length, 0
        self.writer.details.said = route.why
        if route.why.length and not job.second:
            self.fail_job(job, reason, now)
        else:
            self.finish_unanswered(job, reason, now)
        self.described = nothing()
        return 0

    # -- time ----------------------------------------------------------------------------------------------------

    cdef int expire_queue(self, Queue *queue, double clock, double now) except -1 nogil:
        cdef int index, late = 0
        cdef Job *job
        for index in range(queue.count):        # each once; those that stay keep their order
            job = pop(queue)
            if clock >= job.deadline:
                self.fail_job(job, <Reason>job.reason, now)
                late += 1
            else:
                push(queue, job)
        return late

    cdef int fail_queue(self, Queue *queue, Reason reason, double now, int most) except -1 nogil:
        cdef Job *job
        cdef int failed = 0
        while failed < most and queue.count and not self.writer.full() and self.clock.held_since < 0:
            job = pop(queue)
            self.finish_unanswered(job, reason, now)
            failed += 1
        return failed

    def hold(self, double now) -> None:
        """The output's reader is behind: nothing more is started and the scan's clock stands still."""
        if self.clock.held_since < 0:
            self.clock.held_since = now

    def release(self, double now) -> None:
        """The reader has caught up."""
        if self.clock.held_since >= 0:
            end_hold(&self.clock, now)

    @property
    def held(self) -> bool:
        """True between `hold` and `release`. Any thread may ask."""
        return self.clock.held_since >= 0

    # -- the second pass -----------------------------------------------------------------------------------------

    cdef bint is_hopeless(self) noexcept nogil:
        """True when a second pass would be useless: nothing has ever answered, or the user wants to leave."""
        return self.names.lines.ended and (
            self.stopped or (self.exchange.heard_at == 0 and self.slots.live == 0 and not self.exports_retries))

    cdef bint defer(self, Job *job, Reason reason, double now) except -1 nogil:
        """Keep the job, and those that are the same, for the second pass; False when it must be written now."""
        cdef double spent = self.scan_now(now) - job.started
        cdef Job *same
        if self.leaving:
            self.give_up(job)
            return True
        if self.stopped:
            return False
        while job is not NULL:
            same = job.same
            if not self.deferral.keep(job, reason, spent):
                # no room on the disk: it is written, with those behind it
                self.note(job, reason)
                self.finish(job, ERROR, reason, spent, nothing(), nothing(), now)
                return True
            if same is not NULL:
                same.rcode, same.attempt = job.rcode, job.attempt
                same.worker, same.egress, same.resolver = job.worker, job.egress, job.resolver
                same.without_edns, same.by_stream, same.hurt = job.without_edns, job.by_stream, job.hurt
                same.cut, same.denied_by, same.earlier = job.cut, job.denied_by, job.earlier
            self.slots.release(job)
            job = same
        return True

    cdef int recall(self, double now) except -1 nogil:
        """Have a few deferred jobs in the queue of those that are to be tried again."""
        cdef Queue *queue = self.queue_of_route(self.routes[self.recalled_to])
        cdef Job *job
        while (self.deferral.waits() and queue.count + self.pending.count < RECALL_AHEAD and self.deferral.has_room()
               and not self.writer.full() and not self.is_hopeless()):
            job = self.deferral.recall(self.scan_now(now))
            self.find_route(job)
            if not self.has_route(job):
                push(&self.pending, job)
                continue
            if self.routes[job.route].nowhere != NONE:
                self.finish_nowhere(job, now)
                continue
            if self.is_silent(self.routes[job.route], self.scan_now(now)):
                self.finish_unanswered(job, <Reason>job.reason, now)
                continue
            job.attempt += 1
            if job.reason == TIMEOUT:
                ask_without_edns_after_silence(job)
            job.queued_at = now
            self.books.add(SECOND)
            self.books.add(RETRIED)
            self.recalled_to = job.route
            queue = self.queue_of(job)
            push(queue, job)
        return 0

    cdef int write_deferred(self, double now) except -1 nogil:
        """There is no second pass: the lines of the first, as many as the buffer takes."""
        cdef Job *job
        while self.deferral.waits() and not self.writer.full():
            job = self.deferral.recall(self.scan_now(now))
            self.find_route(job)
            if self.has_route(job) and self.routes[job.route].nowhere != NONE:
                self.finish_nowhere(job, now)
            else:
                self.finish_unanswered(job, <Reason>job.reason, now)
        return 0
