# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Which jobs get a second pass, and their way out of and back into a slot. `now` is on the scan's clock."""

cimport cython

from scanner.native.verdict cimport CONNECTION, PROXY, REFUSED, SERVFAIL, TIMEOUT

cdef enum:
    SLOWER = 4                  # the second pass has so many times fewer jobs alive
cdef const double LEAST_S = 0.05        # of its deadline that a second pass needs


@cython.final
cdef class Deferral:
    """`spill()` opens the temporary file in which jobs may wait; None: there is no second pass."""

    def __cinit__(self, spill, JobSlots slots not None, Books books not None, double deadline_s, int live_max):
        self.spool = None if spill is None else Spool(spill)
        self.slots, self.books, self.deadline_s = slots, books, deadline_s
        self.live_max = max(live_max // SLOWER, 1)

    def __len__(self) -> int:
        return 0 if self.spool is None else self.spool.count

    def close(self) -> None:
        """The scan has ended: free the temporary file, even where something still refers to these jobs."""
        if self.spool is not None:
            self.spool.close()

    cdef bint helps(self, const Job *job, Reason reason, double now) noexcept nogil:
        """True for a job that may get a verdict in a second pass: it had none, its reason may pass, it has time left."""
        return (self.spool is not None and not job.second and job.deadline - now >= LEAST_S
                and (reason == TIMEOUT or reason == SERVFAIL or reason == REFUSED or reason == CONNECTION
                     or reason == PROXY))

    cdef bint keep(self, const Job *job, Reason reason, double spent) except -1 nogil:
        """Keep a copy of the job; False when there is no room on the disk."""
        return self.spool.keep(job, reason, spent)

    cdef Job *recall(self, double now) except NULL nogil:
        """The first deferred job, in a slot again, in its second pass."""
        cdef Job *job = self.slots.acquire()
        self.spool.take(job, now)
        job.second = True
        job.deadline = job.started + self.deadline_s
        self.slots.second_live += 1
        return job

    cdef int clear(self) noexcept nogil:
        """Forget all that wait; returns how many there were."""
        cdef int count
        if self.spool is None:
            return 0
        count = <int>self.spool.count
        self.spool.clear()
        return count
