# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The choice among jobs that have failed somewhere."""

cimport cython

cdef enum:
    LOOK_AHEAD = 16             # queued jobs that are looked through for one that was tried elsewhere
cdef const double PATIENCE_S = 0.25     # after which a queued job may go back to where it failed


@cython.final
cdef class RetryQueue:
    """First come, first served, among those that fit."""

    def __cinit__(self):
        self.workers = self.egresses = self.resolvers = 1

    def __len__(self) -> int:
        return self.waiting.count + self.lone.waiting.count

    cdef Job *next_for(self, Queue *queue, int worker, int egress, int resolver, double now) noexcept nogil:
        """The first job of a queue for which this worker is elsewhere: another egress and resolver where there are any; NULL where
        there is none now."""
        cdef Job *before = NULL
        cdef Job *job = queue.first
        cdef int looked = 0
        while job is not NULL and looked < LOOK_AHEAD:
            if now - job.queued_at > PATIENCE_S or (
                    (self.egresses < 2 or job.egress != egress) and (self.resolvers < 2 or job.resolver != resolver)
                    and (self.workers < 2 or job.worker != worker)):
                if before is NULL:
                    queue.first = job.next
                else:
                    before.next = job.next
                if queue.last == job:
                    queue.last = before
                queue.count -= 1
                return job
            before = job
            job = job.next
            looked += 1
        return NULL
