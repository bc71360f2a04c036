"""The jobs of one engine, from the input's next name to the finished line. Touched by that engine's thread only, but for
what is marked here: *any thread* may read it, and `names.lines.feed` may be called by the one that has the input.

Clocks. `now` is monotonic seconds, less those for which the process did not run (clock.pyx). Deadlines are on the scan's
clock (clock.pxd).
"""

from libc.stdint cimport uint8_t

from scanner.native.jobs.closer cimport JobCloser
from scanner.native.jobs.fallback cimport StreamFallback
from scanner.native.jobs.job cimport Job, LoneQueue, Query, Queue, StreamCause
from scanner.native.jobs.retry cimport RetryQueue
from scanner.native.limits cimport Budget
from scanner.native.message.response cimport Response
from scanner.native.output.buffer cimport Span
from scanner.native.verdict cimport Reason

cdef class JobPool(JobCloser):
    cdef readonly RetryQueue retry      # jobs to be tried again
    cdef readonly list fallbacks        # StreamFallback by resolver index, or None
    cdef Queue outgoing                 # jobs that another engine is to ask
    cdef bint exports_fallback          # jobs that need a stream go there
    cdef public bint drains             # the input's next jobs go there too: nothing can be asked here now
    cdef readonly Budget budget         # queries that may be sent in all, None = any number
    cdef readonly int index             # of the engine
    cdef readonly int live_max          # of slots.live
    cdef readonly double deadline_s
    cdef int retries
    cdef readonly bint cut_short        # input was dropped. Any thread

    cdef inline bint is_behind(self) noexcept nogil:
        """Nothing is started: the output is behind."""
        return self.clock.held_since >= 0 or self.writer.full()

    cdef inline bint blocked(self) noexcept nogil:
        """Nothing is started: the output is behind, or a budget is used up. Not to be asked by those that have taken from
        the budget what they are about to send: that may have been the last of it."""
        return self.is_behind() or (self.budget is not None and self.budget.is_taken())

    cdef inline Queue *retry_queue(self) noexcept nogil:
        return &self.outgoing if self.exports_retries else &self.retry.waiting

    cdef inline bint is_last(self, const Job *job) noexcept nogil:
        """No attempt is left after the one under way."""
        return job.attempt >= self.retries or job.second

    cdef Job *take(self, int worker, int egress, int resolver, double now, bint fresh) except? NULL nogil
    cdef Job *take_lone(self, LoneQueue *lone, int worker, int egress, int resolver, double now, bint fresh) except? NULL nogil
    cdef Job *newcomer(self, double now) except? NULL nogil
    cdef Job *waiting_job(self, Queue *queue, int worker, int egress, int resolver, double now) except? NULL nogil
    cdef Job *start(self, double now) except NULL nogil
    cdef bint respond(self, Query *query, const Response *response, const uint8_t *message, Py_ssize_t length, Span tags,
                      double now) except -1 nogil
    cdef int retry_or_fail(self, Job *job, Reason reason, bint spend, double now) except -1 nogil
    cdef int ask_alone(self, Job *job, LoneQueue *lone, Reason reason, double now) except -1 nogil
    cdef int to_queue(self, Job *job, Queue *queue, double now) except -1 nogil
    cdef int put_back(self, Job *job, double now) except -1 nogil
    cdef int by_stream(self, Job *job, StreamCause cause) except -1 nogil
