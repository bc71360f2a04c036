"""The jobs of one engine, from the input's next name to the finished line. Touched by that engine's thread only, but for
what is marked here: *any thread* may read it, and `names.lines.feed` may be called by the one that has the input.

Clocks. `now` is monotonic seconds, less those for which the process did not run (clock.pyx). Deadlines are on the scan's
clock (clock.pxd).
"""

from scanner.native.jobs.job cimport Job, LoneQueue, Queue
from scanner.native.jobs.returner cimport JobReturner
from scanner.native.limits cimport Budget

cdef class JobPool(JobReturner):
    cdef public bint drains             # the input's next jobs go there too: nothing can be asked here now
    cdef readonly Budget budget         # queries that may be sent in all, None = any number
    cdef readonly int index             # of the engine
    cdef readonly int live_max          # of slots.live
    cdef readonly double deadline_s
    cdef readonly bint cut_short        # input was dropped. Any thread

    cdef inline bint is_behind(self) noexcept nogil:
        """Nothing is started: the output is behind."""
        return self.clock.held_since >= 0 or self.writer.full()

    cdef inline bint blocked(self) noexcept nogil:
        """Nothing is started: the output is behind, or a budget is used up. Not to be asked by those that have taken from
        the budget what they are about to send: that may have been the last of it."""
        return self.is_behind() or (self.budget is not None and self.budget.is_taken())

    cdef inline bint waits_for_more(self) noexcept nogil:
        """There is more to ask, as far as is known without looking."""
        return self.retry.waiting.count > 0 or self.names.at_name or not self.names.lines.used_up()

    cdef Job *take(self, int worker, int egress, int resolver, double now, bint fresh) except? NULL nogil
    cdef Job *take_lone(self, LoneQueue *lone, int worker, int egress, int resolver, double now, bint fresh) except? NULL nogil
    cdef Job *newcomer(self, double now) except? NULL nogil
    cdef Job *waiting_job(self, Queue *queue, int worker, int egress, int resolver, double now) except? NULL nogil
    cdef Job *start(self, double now) except NULL nogil
