# cython: language_level=3, cdivision=True
# cython: freethreading_compatible=True
"""A path's state as Python sees it; what engines ask of it on the hot path stands in `path.pxd`."""

from libc.stdint cimport int64_t

from scanner.native.limits cimport available
from scanner.native.tally cimport RECONNECTS

TRUSTS = ("trusted", "held", "distrusted", "vouched")
"""Of a path. Index = native code."""

cdef enum:
    QUOTA_TRUST = 1000      # connections after which a quota is put to the test again
    SILENCES_LEAST = 3      # connections in a row of which none was answered more


cdef class PathState:
    """One egress to one resolver, by their indexes. `bucket` limits its queries; None: nothing does."""

    def __cinit__(self, int egress=0, int resolver=0, Bucket bucket=None, tuple routes=(0,)):
        self.egress, self.resolver, self.routes = egress, resolver, routes
        self.bucket = Bucket() if bucket is None else bucket
        self.tally = Tally()
        self.heard_at = -1
        self.stuck = []

    def reroute(self, tuple routes not None) -> None:
        """The names of these are asked here from now on."""
        self.routes = routes

    cdef void ended_short(self, int answered) noexcept:
        """A connection closed with queries in flight after a few answers: seen twice in a row, it is a habit."""
        self.short_ends += 1
        if self.short_ends >= 2:
            self.quota = answered
            self.quota_uses = 0

    cdef void fell_silent(self, int64_t answered) noexcept:
        """A connection is silent after so many answers. Where one after the other is so after as many as none was ever
        answered more, the server leaves what it has had enough of open, and says nothing there any more."""
        self.silences = self.silences + 1 if answered == self.most_answered else 0
        if self.silences >= SILENCES_LEAST:
            self.quota = <int>answered
            self.quota_uses = 0

    def reconnected(self) -> None:
        """A connection was opened that is not its worker's first."""
        self.counts().counts[<int>RECONNECTS] += 1

    def used_up(self) -> None:
        """A connection was used up; the habit is doubted now and then, as servers are restarted."""
        self.quota_uses += 1
        if self.quota_uses >= QUOTA_TRUST:
            self.quota = self.short_ends = self.silences = 0

    def ready(self, double now) -> bool:
        """True when at least one query may leave now."""
        return is_open(&self.habits) and available(&self.bucket.state, now, 1) > 0

    @property
    def trust(self) -> int:
        """Whether it is asked and believed, an index of `TRUSTS`. Set by the event loop's thread; it holds at once."""
        return self.habits.trust

    @trust.setter
    def trust(self, int trust) -> None:
        self.habits.trust = trust

    @property
    def replaceable(self) -> bool:
        """There are other resolvers: one that refuses everything is not asked any more."""
        return self.habits.replaceable

    @replaceable.setter
    def replaceable(self, bint replaceable) -> None:
        self.habits.replaceable = replaceable

    @property
    def refusing(self) -> bool:
        """True when the resolver refuses everything. Any thread may ask."""
        return refuses(&self.habits)
