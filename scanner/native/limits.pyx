# cython: language_level=3, cdivision=True
# cython: freethreading_compatible=True
"""A rate kept by many engines without a lock (a bucket in the form of the generic cell rate algorithm), and a budget."""


cdef class Bucket:
    """`rate` queries a second, 0 = no limit, of which `burst_s` seconds' worth, at least one query, may be saved up. Each
    query takes a token of `whole` as well, which several have in common."""

    def __cinit__(self, double rate=0, double burst_s=0.02, Bucket whole=None):
        self.whole = whole
        self.state.whole = NULL if whole is None else &whole.state
        self.state.rate = rate
        self.state.empty_at = NEVER
        if rate > 0:
            self.state.token_ns = 1e9 / rate
            self.state.size_ns = max(burst_s * 1e9, self.state.token_ns)

    def limit(self, double rate, double burst_s) -> None:
        """Another rate, above 0, from now on, where there was one. Engines that read it at this moment may see one half
        of it: the greater token or the smaller burst comes first, and neither lets out more than both."""
        cdef double token_ns = 1e9 / rate
        self.state.rate = rate
        self.state.token_ns = token_ns
        self.state.size_ns = max(burst_s * 1e9, token_ns)

    @property
    def rate(self) -> float:
        """Queries a second, 0 = no limit."""
        return self.state.rate

    @property
    def is_limited(self) -> bool:
        """True when it or the whole has a limit."""
        return self.state.rate > 0 or (self.whole is not None and self.whole.is_limited)

    def ready(self, double now) -> bool:
        """True when at least one query may leave now."""
        return available(&self.state, now, 1) > 0

    def take(self, double now) -> bool:
        """Take a token, for one query; False when there is none now."""
        return take_tokens(&self.state, now, 1) > 0


cdef class Budget:
    """At most `most` queries."""

    def __cinit__(self, long long most):
        self.most = self.left = most

    cdef int take(self, int wanted) noexcept nogil:
        """Take up to `wanted` queries from what is left; returns how many."""
        cdef long long left = add(&self.left, -wanted)
        if left >= 0:
            return wanted
        left = min(<long long>wanted, -left)        # those that were too many
        add(&self.left, left)
        return wanted - <int>left

    cdef void settle(self, int taken, int sent) noexcept nogil:
        """Of the queries that were taken so many were sent; the others are given back."""
        if taken != sent:
            add(&self.left, taken - sent)
        if sent:
            add(&self.sent, sent)

    def spend(self) -> bool:
        """Take one query, which is about to be sent; False when none is left."""
        cdef int taken = self.take(1)
        self.settle(taken, taken)
        return taken > 0

    @property
    def used_up(self) -> bool:
        """True when every query was sent."""
        return load(&self.sent) >= self.most
