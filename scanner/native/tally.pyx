# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Counts of one way, or of several added up, as those see them who watch a scan."""

from libc.stdint cimport int64_t


cdef double begin_s(int bucket) noexcept:
    """Where a bucket begins, in seconds; the first holds what is quicker too."""
    cdef double octave = least_s() * (<int64_t>1 << (bucket >> STEP_BITS))
    cdef double step = bucket & ((1 << STEP_BITS) - 1)
    return 0.0 if bucket == 0 else octave * (1 + step / (1 << STEP_BITS))


cdef class Tally:
    """Queries, answers, losses, pauses and reconnects; the round trips of the answers, each to an eighth of an octave."""

    def add(self, Tally other not None) -> None:
        """Count in what another has counted."""
        cdef int bucket
        self.counts.queries += other.counts.queries
        self.counts.losses += other.counts.losses
        self.counts.pauses += other.counts.pauses
        self.counts.reconnects += other.counts.reconnects
        self.counts.sum_s += other.counts.sum_s
        for bucket in range(BUCKETS):
            self.counts.answers[bucket] += other.counts.answers[bucket]

    @property
    def queries(self) -> int:
        """How many were sent."""
        return self.counts.queries

    @property
    def losses(self) -> int:
        """How many attempts ended without an answer."""
        return self.counts.losses

    @property
    def answers(self) -> int:
        """How many were answered, whatever the answer said."""
        cdef int64_t answers = 0
        cdef int bucket
        for bucket in range(BUCKETS):
            answers += self.counts.answers[bucket]
        return answers

    @property
    def pauses(self) -> int:
        """How often no datagram was sent for a while, because none came back."""
        return self.counts.pauses

    @property
    def reconnects(self) -> int:
        """How many connections were opened beyond each worker's first."""
        return self.counts.reconnects

    @property
    def seconds(self) -> float:
        """All round trips together."""
        return self.counts.sum_s

    def quantile_ms(self, double share) -> float | None:
        """The round trip within which that share of the answers came, in milliseconds; None when there were none."""
        cdef double wanted = share * self.answers, behind = 0, begin
        cdef int bucket
        if wanted <= 0:
            return None
        for bucket in range(BUCKETS):
            if behind + self.counts.answers[bucket] >= wanted:
                break
            behind += self.counts.answers[bucket]
        begin = begin_s(bucket)
        return 1000 * (begin + (begin_s(bucket + 1) - begin) * (wanted - behind) / self.counts.answers[bucket])

    def octaves(self) -> list:
        """Pairs of seconds and how many answers came sooner, octave by octave; the last pair holds all."""
        cdef int64_t answers = 0
        cdef int bucket
        pairs = []
        for bucket in range(BUCKETS):
            answers += self.counts.answers[bucket]
            if (bucket + 1) % (1 << STEP_BITS) == 0:
                pairs.append((begin_s(bucket + 1), answers))
        return pairs
