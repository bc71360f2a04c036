"""How many queries an engine may have in flight in all: twice as many only while that brings more responses, since what
waits for longer than it must is no longer in the processor's cache when its response comes. Plain C, without a clock."""

from libc.stdint cimport int64_t

cdef enum:
    LIMIT_FIRST = 1024      # as many as the processor's cache likes
    REST_MAX = 64

cdef struct Limiter:
    int slots               # the most that the user allows
    int limit               # that may be in flight now
    bint full               # the limit was reached since it was weighed
    bint tried              # the limit was doubled, to see what that brings
    int proved              # the limit before that
    int rest, pause         # weighings until the next try; after the last one that brought nothing
    double weighed_at, speed    # s, monotonic; responses a second below the limit that is being tried
    int64_t responses, responses_then   # in all; at the last weighing

cdef inline void weigh(Limiter *limiter, double rtt, double now) noexcept nogil:
    """Look whether the limit is the right one; 0.1 s and two round trips between two looks. A doubling has to bring a
    quarter more."""
    cdef double speed
    if now - limiter.weighed_at < max(0.1, 2 * rtt):
        return
    speed = (limiter.responses - limiter.responses_then) / (now - limiter.weighed_at)
    if limiter.tried and speed < 1.25 * limiter.speed:
        limiter.limit = limiter.proved
        limiter.pause = min(2 * limiter.pause + 4, <int>REST_MAX)
        limiter.rest = limiter.pause
    else:
        limiter.speed = speed
        if limiter.tried:
            limiter.pause = 0
        elif limiter.rest > 0:
            limiter.rest -= 1
    limiter.tried = limiter.full and limiter.rest == 0 and limiter.limit < limiter.slots
    limiter.proved = limiter.limit
    if limiter.tried:
        limiter.limit = min(2 * limiter.limit, limiter.slots)
    limiter.full = False
    limiter.weighed_at, limiter.responses_then = now, limiter.responses
