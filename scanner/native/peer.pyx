# cython: language_level=3, cdivision=True
# cython: freethreading_compatible=True
"""A resolver by one exit, as the event loop sees it; what the engines ask of it stands in `peer.pxd`."""

DEF QUOTA_TRUST = 1000      # connections after which a quota is put to the test again


cdef class Peer:
    """One resolver by one exit: its bucket of queries (`rate` a second, 0 = unlimited; `burst_s` of it may be saved up)
    and its habits."""

    def __init__(self, double rate=0, double burst_s=0.02):
        self.manners.rate, self.manners.burst_s = rate, burst_s
        self.manners.tokens = 1
        self.manners.refilled = self.heard_at = -1

    cdef Counts *counts(self) except NULL:
        """Where its queries are counted: made here, for whoever is about to send the first. Of thousands of proxies by
        dozens of resolvers few pairs are ever used."""
        if self.tally is None:
            self.tally = Tally()
        return &self.tally.counts

    cdef void ended_short(self, int answered) noexcept:
        """A connection closed with queries in flight after a few answers: seen twice in a row, it is a habit."""
        self.short_ends += 1
        if self.short_ends >= 2:
            self.quota = answered
            self.quota_uses = 0

    def reconnected(self) -> None:
        """A connection was opened that is not its worker's first."""
        self.counts().reconnects += 1

    def used_up(self) -> None:
        """A connection was used up; the habit is doubted now and then, as servers are restarted."""
        self.quota_uses += 1
        if self.quota_uses >= QUOTA_TRUST:
            self.quota = self.short_ends = 0

    @property
    def rate(self) -> float:
        """Queries a second, 0 = no limit."""
        return self.manners.rate

    @property
    def replaceable(self) -> bool:
        """There are other resolvers: one that refuses everything is not asked any more."""
        return self.manners.replaceable

    @replaceable.setter
    def replaceable(self, bint replaceable) -> None:
        self.manners.replaceable = replaceable

    @property
    def refusing(self) -> bool:
        """True when the resolver refuses everything."""
        return refuses(&self.manners)

    def ready(self, double now) -> bool:
        """True when at least one query may leave now."""
        return granted(&self.manners, now, 1) > 0
