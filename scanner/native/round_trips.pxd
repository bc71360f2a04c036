"""A path's own round trips: when a query that was not answered is late, and when its name is asked again (after RACK, RFC
8985). Plain C, without a clock.

Late is what has waited longer than responses take: it holds no place in the path's window any more, but its response is
still welcome until the attempt ends. To ask again takes evidence as well, since it may be needless: a query that was sent
later has been answered, or there is nothing else to ask. What it may cost is kept in tokens, so that superfluous queries
stay few whatever the server does.
"""

from libc.stdint cimport uint16_t

from scanner.native.tally cimport BUCKETS, begin_s, bucket_of

cdef enum:
    HALVED_AFTER = 1024     # samples: what was long ago weighs less
    P99_EVERY = 64          # samples
    EARLY_MAX = 4           # times that one attempt asks again
    SPARE_FIRST = 32        # tokens of all paths of an engine together, at first

cdef struct RoundTrips:
    double mean, deviation  # s: moving, of all responses (RFC 6298)
    double p99              # s: of recent responses, 0 = too few yet
    int samples             # since the last halving
    uint16_t recent[BUCKETS]        # responses by round trip
    double patience         # factor: grows when asking again turned out needless
    double tokens           # queries that may be asked again early
    double *spare           # the same, for any path of the engine: where there are many, each alone has been asked little

cdef inline void begin_round_trips(RoundTrips *trips, double *spare) noexcept nogil:
    """Of a path that has not been asked yet, in zeroed memory."""
    trips.patience = 1
    trips.spare = spare

cdef inline double quantile(const RoundTrips *trips, double share) noexcept nogil:
    """The end of the bucket within which that share of recent responses came, in seconds."""
    cdef int bucket, all = 0, behind = 0
    for bucket in range(BUCKETS):
        all += trips.recent[bucket]
    for bucket in range(BUCKETS):
        behind += trips.recent[bucket]
        if behind >= share * all:
            break
    return begin_s(bucket + 1)

cdef inline void learn_round_trip(RoundTrips *trips, double rtt) noexcept nogil:
    """A response came after so many seconds."""
    cdef double off = rtt - trips.mean
    cdef int bucket
    trips.tokens = min(trips.tokens + 0.03, 2000.0)
    trips.patience = max(trips.patience - 0.0005, 1.0)
    if trips.mean == 0:
        trips.mean, trips.deviation = rtt, rtt / 2
    else:
        trips.mean += off / 8
        trips.deviation += ((off if off > 0 else -off) - trips.deviation) / 4
    trips.recent[bucket_of(rtt)] += 1
    trips.samples += 1
    if trips.samples % P99_EVERY == 0:
        trips.p99 = quantile(trips, 0.99)
    if trips.samples >= HALVED_AFTER:
        trips.samples = 0
        for bucket in range(BUCKETS):
            trips.recent[bucket] //= 2

cdef inline bint has_token(const RoundTrips *trips) noexcept nogil:
    return trips.tokens >= 1 or trips.spare[0] >= 1

cdef inline void take_token(RoundTrips *trips) noexcept nogil:
    """Its own, where it has one."""
    if trips.tokens >= 1:
        trips.tokens -= 1
    else:
        trips.spare[0] = max(trips.spare[0] - 1, 0.0)

cdef inline void was_cured(RoundTrips *trips) noexcept nogil:
    """It was asked again and that was answered, the one before was not: it was lost."""
    trips.spare[0] = min(trips.spare[0] + 2, 2000.0)

cdef inline void was_needless(RoundTrips *trips) noexcept nogil:
    """It was asked again, and then the one before was answered."""
    take_token(trips)
    trips.patience = min(trips.patience * 1.02, 2.0)

cdef inline double late_after(const RoundTrips *trips) noexcept nogil:
    """Seconds after which a query is late; 0 = not known."""
    if trips.mean == 0:
        return 0
    if trips.p99 > 0:
        return trips.patience * max(trips.mean, 1.25 * trips.p99) + 0.002
    return trips.patience * (trips.mean + 4 * trips.deviation) + 0.002

cdef inline double again_after(const RoundTrips *trips, int early, double cured) noexcept nogil:
    """Seconds after which a name may be asked again that was `early` times already; servers pause for 20 ms. Twice as long
    each time, unless losses are usual."""
    return (late_after(trips) + 0.018) * (1 if cured > 0.5 else 1 << early)

cdef inline bint may_ask_again(const RoundTrips *trips, int early, double cured) noexcept nogil:
    """Once, and more often where that has cured most of them: names that are never answered are not worth it."""
    return has_token(trips) and (early == 0 or (early < EARLY_MAX and cured > 0.5))
