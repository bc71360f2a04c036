"""The jobs of one engine, from the input's next name to the finished line. Touched by that engine's thread only, but for
what is marked here: *any thread* may read it, and `names.lines.feed` may be called by the one that has the input.

Clocks. `now` is monotonic seconds, less those for which the process did not run (clock.pyx). Deadlines are on the scan's
clock (clock.pxd).
"""

from libc.string cimport memcmp

from scanner.native.jobs.job cimport Job, LoneQueue, Queue
from scanner.native.jobs.retry cimport RetryQueue, Route
from scanner.native.jobs.returner cimport JobReturner
from scanner.native.message.query cimport QueryForm

cdef class JobPool(JobReturner):
    cdef public bint drains             # the input's next jobs go there too: nothing can be asked here now
    cdef public bint left_out           # some route has no resolver here any more
    cdef readonly int index             # of the engine
    cdef readonly int live_max          # of slots.live
    cdef readonly double deadline_s
    cdef QueryForm asking_authorities   # as `asking`, RD clear
    cdef int own_route                  # of the last line, where lines name resolvers
    cdef readonly bint cut_short        # input was dropped. Any thread

    cdef inline bint is_behind(self) noexcept nogil:
        """Nothing is started: the output is behind."""
        return self.clock.held_since >= 0 or self.writer.full()

    cdef inline bint blocked(self) noexcept nogil:
        """Nothing is started: the output is behind, or a budget is used up. Not to be asked by those that have taken from
        the budget what they are about to send: that may have been the last of it."""
        return self.is_behind() or (self.budget is not None and self.budget.is_taken())

    cdef inline bint waits_for_more(self, const Route *route) noexcept nogil:
        """There is more to ask of this route's resolvers, as far as is known without looking."""
        if route.waiting.count > 0 or self.is_doubted():
            return True
        if self.suffixes is None:
            return (self.names.at_name or not self.names.lines.used_up()) and not self.is_crowded()
        return route.fresh.count > 0

    cdef inline bint is_doubted(self) noexcept nogil:
        """Jobs are to be asked again whose resolver is not believed any more."""
        return self.unproven is not None and self.unproven.again_count > 0

    cdef inline bint is_crowded(self) noexcept nogil:
        """So many lines wait for their resolvers' canaries that no further names are begun."""
        return self.unproven is not None and self.unproven.full()

    cdef inline bint has_room(self) noexcept nogil:
        """A further name may be begun."""
        return self.slots.live < self.live_max and not self.is_crowded()

    cdef inline bint joins_twin(self, Job *job) noexcept nogil:
        """The name before it was the very same: it is asked once for both."""
        cdef Job *twin = self.slots.newest[job.type_index]
        if twin is NULL or twin.qname_length != job.qname_length or twin.qtype != job.qtype \
                or memcmp(twin.qname, job.qname, job.qname_length) != 0:
            self.slots.newest[job.type_index] = job
            return False
        job.same = twin.same
        twin.same = job
        return True

    cdef int enter_route(self, RetryQueue queue) except -1
    cdef Job *take(self, Route *route, int worker, int egress, int resolver, double now, bint fresh) except? NULL nogil
    cdef Job *take_lone(self, Route *route, LoneQueue *lone, int worker, int egress, int resolver, double now,
                        bint fresh) except? NULL nogil
    cdef Job *newcomer(self, Route *route, double now) except? NULL nogil
    cdef Job *newcomer_of(self, Route *route, double now) except? NULL nogil
    cdef int sort_input(self, double now) except -1 nogil
    cdef int take_in(self, Job *job, double now) except -1 nogil
    cdef void begin_own(self, Job *job) noexcept nogil
    cdef int bring_back(self, double now) except -1 nogil
    cdef int ask_again(self, int most, double now) except -1 nogil
    cdef void to_fresh(self, Route *route, Job *job, double now) noexcept nogil
    cdef Job *first_fresh(self, Route *route, double now) noexcept nogil
    cdef bint at_hand(self, Route *route, double now) except -1 nogil
    cdef Job *waiting_job(self, Route *route, Queue *queue, int worker, int egress, int resolver,
                          double now) except? NULL nogil
    cdef void begin_now(self, Job *job, double now) noexcept nogil
    cdef Job *start(self, double now) except NULL nogil
    cdef Job *any_job(self, double waited_s, double now) except? NULL
    cdef int expire_route(self, Route *route, double clock, double now) except -1 nogil
    cdef void listen(self, Route *route, double clock) noexcept nogil
    cdef void stop_doubting(self, double clock) noexcept nogil
