"""The session: one connection's queries. Octets and `now` go in, octets and finished lines come out."""

from libc.stdint cimport int64_t, uint8_t

from scanner.native.exchange cimport Exchange
from scanner.native.frames cimport Tail
from scanner.native.jobs.fallback cimport StreamFallback
from scanner.native.jobs.job cimport Channel, Job, Query
from scanner.native.jobs.pool cimport JobPool
from scanner.native.output.buffer cimport Span
from scanner.native.path cimport PathState
from scanner.native.stream_window cimport StreamWindow

cdef class Session:
    cdef JobPool pool
    cdef Exchange exchange              # the pool's
    cdef readonly StreamFallback fallback   # where its jobs come from, None = the pool
    cdef readonly PathState path
    cdef readonly int worker
    cdef bytes tags                     # JSON of fields ns and p
    cdef Span tags_span                 # the same
    cdef double timeout_s
    cdef bint edns
    cdef StreamWindow win
    cdef Channel channel                # its queries in flight, those included that belong to no job any more
    cdef readonly int64_t sent, answered    # on this connection
    cdef readonly int silent            # times that attempts ran out since the last octet
    cdef readonly int strays            # messages that answered nothing
    cdef readonly bint smooth           # the window is full, no job waits for a retry, and there is room for lines
    cdef bint mute                      # attempts ran out in this `expire_queries`, nothing heard since they were sent
    cdef double heard_at                # s, monotonic: the last octet
    cdef readonly bint excused          # the connection's end was a name's doing, not the path's
    cdef Tail tail
    cdef readonly object connection     # what carries it while it is open, for the caller of `expire_queries`

    cpdef bytes fill(self, double now)
    cpdef int receive(self, bytes octets, double now) except -1
    cdef int room_now(self) noexcept
    cdef Job *next_job(self, double now) except? NULL
    cdef int ask(self, Job *job, uint8_t *at, double now, double clock) except -1
    cdef const uint8_t *warm(self, const uint8_t *at, Py_ssize_t left) noexcept
    cdef int answer(self, const uint8_t *message, Py_ssize_t length, double now) except -1
    cdef int understand(self, Query *query, const uint8_t *message, Py_ssize_t length, double now) except -1
    cdef bint holds_suspect(self) noexcept
