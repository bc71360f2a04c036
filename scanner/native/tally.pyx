# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Counts of one path, or of several added up, as those see them who watch a scan."""

from libc.stdint cimport int64_t

TALLY = (
    ("queries", "queries sent"),
    ("responses", "responses to them, of any content"),
    ("losses", "attempts that ended without a response"),
    ("strays", "messages that answered nothing"),
    ("pauses", "times that nothing was sent for a while, because nothing came back"),
    ("reconnects", "connections opened beyond each worker's first"),
    ("truncated", "responses that a datagram could not hold"),
    ("case_lost", "responses in another case than the query"),
    ("unreachable", "ICMP errors"),
)
"""The counts by name and meaning, in the order of the struct."""

cdef dict INDEXES = {name: index for index, (name, _) in enumerate(TALLY)}
assert len(TALLY) == COUNTS


def counts_of(tallies) -> dict:
    """All counts of several together, by name: without their round trips, which are twenty times as much to read."""
    cdef int64_t added[COUNTS]
    cdef Tally tally
    cdef int index
    for index in range(COUNTS):
        added[index] = 0
    for tally in tallies:
        for index in range(COUNTS):
            added[index] += tally.counted.counts[index]
    return {name: added[index] for index, (name, _) in enumerate(TALLY)}


cdef class Tally:
    """The counts of TALLY, and the round trips of the responses, each to an eighth of an octave."""

    def add(self, Tally other not None) -> None:
        """Count in what another has counted."""
        cdef int index
        for index in range(COUNTS):
            self.counted.counts[index] += other.counted.counts[index]
        self.counted.sum_s += other.counted.sum_s
        for index in range(BUCKETS):
            self.counted.by_round_trip[index] += other.counted.by_round_trip[index]

    def count(self, str name not None) -> int:
        """One count by its name. Raises KeyError."""
        cdef int index = INDEXES[name]
        return self.counted.counts[index]

    def counts(self) -> dict:
        """All counts by name."""
        return {name: self.counted.counts[index] for index, (name, _) in enumerate(TALLY)}

    @property
    def seconds(self) -> float:
        """All round trips together."""
        return self.counted.sum_s

    def quantile_ms(self, double share) -> float | None:
        """The round trip within which that share of the responses came, in milliseconds; None when there were none."""
        cdef double wanted = share * self.counted.counts[<int>RESPONSES], behind = 0, begin
        cdef int bucket
        if wanted <= 0:
            return None
        for bucket in range(BUCKETS):
            if behind + self.counted.by_round_trip[bucket] >= wanted:
                break
            behind += self.counted.by_round_trip[bucket]
        begin = begin_s(bucket)
        return 1000 * (begin + (begin_s(bucket + 1) - begin) * (wanted - behind) / self.counted.by_round_trip[bucket])

    def octaves(self) -> list:
        """Pairs of seconds and how many responses came sooner, octave by octave; the last pair holds all."""
        cdef int64_t responses = 0
        cdef int bucket
        pairs = []
        for bucket in range(BUCKETS):
            responses += self.counted.by_round_trip[bucket]
            if (bucket + 1) % (1 << STEP_BITS) == 0:
                pairs.append((begin_s(bucket + 1), responses))
        return pairs
