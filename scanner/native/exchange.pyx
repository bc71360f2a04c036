# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The tables and the timer wheel of the queries in flight; one exchange for each engine, touched by that engine only.

A job may have several queries in flight. The one that is answered first finishes it (`settle`); the others then belong
to no job, and only keep their keys from being given to other queries while answers to them may still come.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

from scanner.native.memory cimport LINE_OCTETS, aligned_alloc_zeroed, checked_alloc

cdef enum:
    PLACES_FIRST = 16       # of a channel's table
    BLOCK = 256             # queries allocated at once
cdef const double TICKS = 500.0         # of the wheel, a second

assert sizeof(Query) % LINE_OCTETS == 0


@cython.final
cdef class Exchange:
    """Empty at first; its memory grows to what is in flight at once, and is kept."""

    def __cinit__(self):
        self.wheel_at = -1

    def __dealloc__(self):
        cdef QueryBlock *block
        while self.blocks is not NULL:
            block = self.blocks
            self.blocks = block.next
            free(block)
        free(self.scratch)

    def trouble(self) -> None:
        """A connection could not be opened."""
        self.troubles += 1

    # -- a query's life ------------------------------------------------------------------------------------------

    cdef Query *begin(self, Job *job, Channel *channel, uint64_t key, double sent, double expires) except NULL nogil:
        """The job's query is in flight under a key that nothing else has on this channel."""
        cdef QueryBlock *block
        cdef Query *query
        cdef int index
        if 4 * <uint64_t>channel.in_flight >= channel.mask:
            grow(channel)
        if self.free is NULL:
            block = <QueryBlock *>aligned_alloc_zeroed(sizeof(QueryBlock))
            block.next = self.blocks
            self.blocks = block
            for index in range(BLOCK):
                block.queries[index].next = self.free
                self.free = &block.queries[index]
        query = self.free
        self.free = query.next
        query.key, query.channel, query.job, query.sent, query.expires = key, channel, job, sent, expires
        query.strays = query.awaits_cookie = 0
        if job.in_flight:
            query.older = job.newest
        job.newest = query
        job.in_flight += 1
        enter(channel, query)
        self.to_wheel(query)
        channel.in_flight += 1
        self.in_flight += 1
        return query

    cdef void end(self, Query *query) noexcept nogil:
        """The query is over: its key is free again, and its job, where it has one, knows it no more."""
        cdef Job *job = query.job
        if job is not NULL:
            leave_job(job, query)
        vacate(query.channel, query)
        self.from_wheel(query)
        query.channel.in_flight -= 1
        query.next = self.free
        self.free = query
        self.in_flight -= 1

    cdef void settle(self, Query *query) noexcept nogil:
        """The query is over, its job with it: others that the job has in flight belong to no job from now on."""
        cdef Job *job = query.job
        cdef Query *other
        self.end(query)
        while job.in_flight:
            other = job.newest
            leave_job(job, other)
            other.job = NULL

    cdef void look_again(self, Query *query, double at) noexcept nogil:
        """Have `next_expired` give the query out (again) at this time, s on the scan's clock."""
        self.from_wheel(query)
        query.expires = at
        self.to_wheel(query)

    cdef void line_up(self, Query *query) noexcept nogil:
        """Into the line, as the last."""
        self.from_wheel(query)
        query.bucket = IN_LINE
        query.next, query.before = NULL, self.line_last
        if self.line_last is NULL:
            self.line_first = query
        else:
            self.line_last.next = query
        self.line_last = query

    cdef void end_line(self, double clock) noexcept nogil:
        """Out of the line with those whose attempts end by `clock` (s, scan's clock): `next_expired` gives them out."""
        cdef Query *query = self.line_first
        cdef Query *after
        while query is not NULL:
            after = query.next
            if query.ends <= clock:
                self.look_again(query, query.ends)
            query = after

    cdef Query *next_expired(self, double clock) noexcept nogil:
        """A query whose time was over by `clock` (s, scan's clock), still in flight: the caller ends it, or has it
        looked at again later, before it asks for the next. NULL when there is none."""
        cdef int64_t last = <int64_t>(clock * TICKS)
        cdef Query *query
        if self.wheel_at < 0 or last - self.wheel_at >= WHEEL:
            self.wheel_at = max(last - WHEEL + 1, <int64_t>0)
            self.resumed = False
        while True:
            query = self.cursor if self.resumed else self.wheel[self.wheel_at & (WHEEL - 1)]
            while query is not NULL and query.expires > clock:
                query = query.next
            self.cursor, self.resumed = query, query is not NULL
            if query is not NULL:
                return query
            if self.wheel_at >= last:
                return NULL
            self.wheel_at += 1

    cdef void hasten(self, Query *query, double expires) noexcept nogil:
        """The query expires earlier than it would have."""
        if expires < query.expires:
            self.look_again(query, expires)

    # -- the wheel -----------------------------------------------------------------------------------------------

    cdef void to_wheel(self, Query *query) noexcept nogil:
        """Into the bucket of its time; one whose time has passed already into the bucket that is looked at next."""
        cdef int64_t tick = max(<int64_t>(query.expires * TICKS), self.wheel_at)
        cdef Query **head
        query.bucket = <uint16_t>(tick & (WHEEL - 1))
        head = &self.wheel[query.bucket]
        query.before = NULL
        query.next = head[0]
        if head[0] is not NULL:
            head[0].before = query
        head[0] = query
        self.resumed = False

    cdef void from_wheel(self, Query *query) noexcept nogil:
        """Out of its bucket, or out of the line."""
        if self.resumed and self.cursor == query:
            self.cursor = query.next
            self.resumed = query.next is not NULL
        if query.before is not NULL:
            query.before.next = query.next
        elif query.bucket == IN_LINE:
            self.line_first = query.next
        else:
            self.wheel[query.bucket] = query.next
        if query.next is not NULL:
            query.next.before = query.before
        elif query.bucket == IN_LINE:
            self.line_last = query.before

    # -- room for messages ---------------------------------------------------------------------------------------

    cdef uint8_t *scratch_for(self, Py_ssize_t octets) except NULL nogil:
        """Room for so many octets, good until the next call."""
        cdef uint8_t *scratch
        if octets > self.scratch_room:
            scratch = <uint8_t *>checked_alloc(realloc(self.scratch, octets))
            self.scratch, self.scratch_room = scratch, octets
        return self.scratch


cdef void leave_job(Job *job, Query *query) noexcept nogil:
    """Out of the job's queries in flight. What a stream touches of a query is its first cache line: of a job with one
    query `older` is not looked at."""
    cdef Query *newer = job.newest
    job.in_flight -= 1
    if newer == query:
        job.newest = query.older if job.in_flight else NULL
        return
    while newer.older != query:
        newer = newer.older
    newer.older = query.older


cdef void enter(Channel *channel, Query *query) noexcept nogil:
    cdef uint64_t at = query.key & channel.mask
    while channel.places[at] is not NULL:
        at = (at + 1) & channel.mask
    channel.places[at] = query


cdef void vacate(Channel *channel, Query *query) noexcept nogil:
    """Empty the query's place and close the gap, so that every other stays reachable from its own place."""
    cdef Query **places = channel.places
    cdef uint64_t mask = channel.mask, at = query.key & mask, hole
    while places[at] != query:
        at = (at + 1) & mask
    hole = at
    while True:
        at = (at + 1) & mask
        if places[at] is NULL:
            break
        if ((at - (places[at].key & mask)) & mask) >= ((at - hole) & mask):
            places[hole] = places[at]
            hole = at
    places[hole] = NULL


cdef int grow(Channel *channel) except -1 nogil:
    """Twice the places, or the first ones."""
    cdef Query **old = channel.places
    cdef uint64_t count = channel.mask + 1 if old is not NULL else 0, at
    channel.places = <Query **>calloc(max(2 * count, <uint64_t>PLACES_FIRST), sizeof(Query *))
    if channel.places is NULL:
        channel.places = old
        with gil:
            raise MemoryError
    channel.mask = max(2 * count, <uint64_t>PLACES_FIRST) - 1
    for at in range(count):
        if old[at] is not NULL:
            enter(channel, old[at])
    free(old)
    return 0
