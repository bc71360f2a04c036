"""What became of the queries that took one path: counts, and how long answers took. Plain C that its engine alone
writes; anybody may read, for aligned 64-bit words do not tear."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

cdef enum Count:            # the order of `TALLY`
    QUERIES
    RESPONSES
    LOSSES
    STRAYS
    PAUSES
    RECONNECTS
    TRUNCATED
    CASE_LOST
    UNREACHABLE
    COUNTS

cdef enum:
    STEP_BITS = 3                       # buckets of an octave: 2 to the power of this, all of one width
    OCTAVES = 21                        # the first begins at LEAST_S, the last ends at 128 s
    BUCKETS = OCTAVES << STEP_BITS

cdef inline double least_s() noexcept nogil:
    """The first bucket begins here, and holds what was quicker too: 2 ** -14 s, 0.06 ms."""
    return 0.00006103515625

cdef inline int bucket_of(double seconds) noexcept nogil:
    """The bucket is what a double's bits say: its exponent, and the first three of its fraction."""
    cdef uint64_t bits, first
    cdef double least = least_s()
    if seconds <= least:
        return 0
    memcpy(&bits, &seconds, sizeof(bits))
    memcpy(&first, &least, sizeof(first))
    return <int>min(<int64_t>((bits - first) >> (52 - STEP_BITS)), <int64_t>(BUCKETS - 1))

cdef inline double begin_s(int bucket) noexcept nogil:
    """Where a bucket begins, in seconds; the first holds what is quicker too."""
    cdef double octave = least_s() * (<int64_t>1 << (bucket >> STEP_BITS))
    cdef double step = bucket & ((1 << STEP_BITS) - 1)
    return 0.0 if bucket == 0 else octave * (1 + step / (1 << STEP_BITS))

cdef struct Counts:         # queries = responses + losses + those in flight
    int64_t counts[COUNTS]  # by Count
    double sum_s            # s: of all round trips
    int64_t by_round_trip[BUCKETS]      # responses

cdef inline void count_response(Counts *counts, double rtt) noexcept nogil:
    """A response that took `rtt` seconds."""
    counts.counts[<int>RESPONSES] += 1
    counts.by_round_trip[bucket_of(rtt)] += 1
    counts.sum_s += rtt

cdef class Tally:
    cdef Counts counted

    cdef inline void add_one(self, Count what) noexcept nogil:
        self.counted.counts[<int>what] += 1
