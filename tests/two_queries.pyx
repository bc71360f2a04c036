# cython: language_level=3
"""One job with two queries in flight, at the level of C: `tests/test_two_queries.py` builds this and asks it."""

from libc.stdlib cimport free
from libc.string cimport memset

from scanner.native.exchange cimport Exchange, find
from scanner.native.jobs.job cimport Channel, Job, Query
from scanner.native.jobs.pool cimport JobPool
from scanner.native.message.response cimport Response
from scanner.native.output.buffer cimport span_of
from scanner.native.verdict cimport TIMEOUT

KEY = 7     # of both: keys are a channel's own


cdef class Pair:
    """A job that was asked at 1.0 s on one channel and at 1.5 s on another, each for 2 s."""
    cdef readonly JobPool pool
    cdef Exchange exchange
    cdef Channel channels[2]
    cdef Query *queries[2]

    def __cinit__(self, JobPool pool not None):
        cdef Job *job
        cdef int index
        memset(self.channels, 0, sizeof(self.channels))
        self.pool, self.exchange = pool, pool.exchange
        job = pool.take(pool.routes[0], 0, 0, 0, 1.0, False)
        for index in range(2):
            self.queries[index] = self.exchange.begin(job, &self.channels[index], KEY, 1 + index / 2, 3 + index / 2)
            self.queries[index].edns = True

    def __dealloc__(self):
        free(self.channels[0].places)
        free(self.channels[1].places)

    def answer(self, int which, int rcode, double now) -> None:
        """A response to one of the queries."""
        cdef Response response
        memset(&response, 0, sizeof(response))
        response.rcode = rcode
        self.pool.respond(self.queries[which], &response, b"", 0, span_of(b""), 0, now)

    def expire(self, double now) -> list:
        """What the wheel gives out by then, as indexes; a job that has nothing else in flight is retried or fails."""
        cdef Query *query = self.exchange.next_expired(now)
        cdef Job *job
        found = []
        while query is not NULL:
            found.append(0 if query == self.queries[0] else 1)
            job = query.job
            self.exchange.end(query)
            if job is not NULL:
                self.pool.retry_or_fail(job, TIMEOUT, True, now)
            query = self.exchange.next_expired(now)
        return found

    def is_reserved(self, int which) -> bool:
        """True while the query's key cannot be given to another, and belongs to no job."""
        cdef Query *query = find(&self.channels[which], KEY)
        return query is not NULL and query.job is NULL

    @property
    def in_flight(self) -> int:
        return self.exchange.in_flight
