# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The choice among jobs that have failed somewhere."""

cimport cython
from libc.stdint cimport uint64_t

from scanner.native.output.buffer cimport span_of
from scanner.native.verdict cimport TIMEOUT, Reason

cdef enum:
    LOOK_AHEAD = 16             # queued jobs that are looked through for one that was tried elsewhere
cdef const double PATIENCE_S = 0.25     # after which a queued job may go back to where it failed,
cdef const double UNASKED_S = 1         # or, while there are some that it was not asked of (kept where `notes_tried`)


@cython.final
cdef class RetryQueue:
    """Of one route: first come, first served, among those that fit. `nowhere` and `why` are what becomes of its names where
    it has no resolvers."""

    def __cinit__(self, bint authoritative=False, int nowhere=0, bytes why=b""):
        self.route.workers = self.route.egresses = self.route.resolvers = 1
        self.route.here = self.route.elsewhere = True
        self.route.trouble = TIMEOUT
        self.route.silent_since = -1
        self.route.authoritative, self.route.nowhere = authoritative, <Reason>nowhere
        self.why, self.route.why = why, span_of(why)

    def __len__(self) -> int:
        return self.route.waiting.count + self.route.lone.waiting.count

    def served_by(self, *, int resolvers, bint elsewhere, servers=()) -> None:
        """So many resolvers are here for these jobs, or there are some `elsewhere`; `servers` are the indexes of all."""
        cdef int index
        self.route.resolvers, self.route.here, self.route.elsewhere = resolvers, resolvers > 0, elsewhere
        self.route.servers = 0
        for index in servers:
            self.enter(index)
        for index in servers:
            self.route.servers |= server_bit(&self.route, index)

    cdef void enter(self, int resolver) noexcept:
        """It has a bit of its own from now on, if there is room: jobs remember by that whom they were asked of."""
        cdef int place
        for place in range(self.route.member_count):
            if self.route.members[place] == resolver:
                return
        if self.route.member_count < MEMBERS_MAX:
            self.route.members[self.route.member_count] = resolver
            self.route.member_count += 1

    def failed(self, int reason) -> None:
        """An attempt to reach its resolvers failed."""
        self.route.trouble = <Reason>reason

    @property
    def workers(self) -> int:
        """How many there are to go elsewhere."""
        return self.route.workers

    @workers.setter
    def workers(self, int workers) -> None:
        self.route.workers = workers

    @property
    def egresses(self) -> int:
        """The same."""
        return self.route.egresses

    @egresses.setter
    def egresses(self, int egresses) -> None:
        self.route.egresses = egresses

    @property
    def resolvers(self) -> int:
        """The same."""
        return self.route.resolvers

    @resolvers.setter
    def resolvers(self, int resolvers) -> None:
        self.route.resolvers = resolvers


cdef Job *next_for(Route *route, Queue *queue, int worker, int egress, int resolver, double now) noexcept nogil:
    """The first job of a queue for which this worker is elsewhere: another egress and resolver where there are any; NULL
    where there is none now."""
    cdef Job *before = NULL
    cdef Job *job = queue.first
    cdef int looked = 0
    cdef uint64_t bit = server_bit(route, resolver)
    while job is not NULL and looked < LOOK_AHEAD:
        if now - job.queued_at > (UNASKED_S if job.tried and route.servers & ~job.tried else PATIENCE_S) or (
                (route.egresses < 2 or job.egress != egress) and (route.resolvers < 2 or job.resolver != resolver)
                and (route.resolvers < 2 or not job.tried & bit)
                and (route.workers < 2 or job.worker != worker)):
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
