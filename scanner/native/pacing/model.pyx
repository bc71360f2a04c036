# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""What all parts of the model know of a path."""

cdef enum:
    CALM_LEAST = 64         # queries that show the path's own loss
    CALM_MOST = 2048        # then half of them are forgotten
cdef const double BURST_FIRST_S = 0.002


cdef void begin_pacing(Pacing *pacing) noexcept nogil:
    """A path that has not been asked yet, in zeroed memory."""
    pacing.size, pacing.ceiling = FIRST, SIZE_MOST
    pacing.rtt_least = pacing.batch_least = pacing.round_least = 1e9
    pacing.gain = pacing.before_gain = pacing.tried = 1
    pacing.cured = 0.6
    pacing.missing_least = 1
    pacing.burst_s = BURST_FIRST_S


cdef void begin_round(Pacing *pacing, double now) noexcept nogil:
    pacing.round_answered, pacing.round_at = pacing.answered, now
    pacing.round_lost = pacing.round_late = pacing.round_window = 0
    pacing.round_sum = 0
    pacing.round_least = 1e9
    pacing.round_sent = 0
    pacing.round_unused = 0
    pacing.before_most, pacing.round_most = pacing.round_most, pacing.in_flight
    pacing.round_limited = False


cdef void remember(Pacing *pacing, double rate) noexcept nogil:
    """The delivery rate of one more round."""
    cdef int index
    pacing.rates[pacing.rate_at % RATES] = rate
    pacing.rate_at += 1
    pacing.rate = 0
    for index in range(RATES):
        pacing.rate = max(pacing.rate, pacing.rates[index])


cdef void believe(Pacing *pacing, double rate) noexcept nogil:
    """It delivers no more than this."""
    cdef int index
    for index in range(RATES):
        pacing.rates[index] = min(pacing.rates[index], rate)
    pacing.rate = min(pacing.rate, rate)


cdef void see_calm(Pacing *pacing, bint is_lost) noexcept nogil:
    """One of those that show the path's own loss; what was long ago weighs less."""
    pacing.calm.sent += 1
    pacing.calm.lost += is_lost
    if pacing.calm.sent >= CALM_MOST:
        forget_calm(pacing)


cdef void forget_calm(Pacing *pacing) noexcept nogil:
    """Half of them, as long as enough are left."""
    if pacing.calm.sent >= 2 * CALM_LEAST:
        pacing.calm.sent /= 2
        pacing.calm.lost /= 2


cdef bint is_loss_known(const Pacing *pacing) noexcept nogil:
    return pacing.calm.sent >= CALM_LEAST


cdef double own_loss(const Pacing *pacing) noexcept nogil:
    """The share of queries that the path loses however few are sent."""
    return pacing.calm.lost / pacing.calm.sent if is_loss_known(pacing) else 0


cdef bint is_queued(const Pacing *pacing) noexcept nogil:
    """Even the quickest responses of the last round were late."""
    return pacing.base > 0 and pacing.standing > pacing.base + allowance(pacing)


cdef double allowance(const Pacing *pacing) noexcept nogil:
    """Seconds by which the quickest responses may be late without a queue."""
    return max(max(pacing.base / 16, 0.001), 3 * pacing.wander)


cdef int class_of(int window) noexcept nogil:
    """The window's power of two, as an index."""
    cdef int at = 0
    while window > 1 and at < CLASSES - 1:
        window >>= 1
        at += 1
    return at
