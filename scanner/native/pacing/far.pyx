# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The model of a far path: found at the start, then kept to, with a look upwards now and then."""

from libc.math cimport sqrt

from scanner.native.pacing.model cimport (
    BATCH, CRUISE, FIRST, ROUND_LEAST, SIZE_MOST, STARTUP, allowance, begin_round, believe, class_of, forget_calm,
    is_loss_known, is_queued, own_loss, remember,
)

cdef enum:
    EVEN = 6                                # different times at which the first burst is answered: one by one
    LOOK_ROUNDS = 4                         # until all losses of a look upwards are known
    INTERVAL_FIRST = 4                      # rounds between two looks upwards
    INTERVAL_MAX = 16
    QUEUED_MAX = 8                          # rounds for which a queue may be ours though no more is sent than comes back
cdef const double LOOK = 1.25               # times as much, in a look upwards
cdef const double MISSING = 0.25            # of a window, unanswered by those that left after it: then it is too large
cdef const double LOSSY = 0.02              # share of losses above the path's own that shows that it is too much
cdef const double BURST_LEAST_S = 0.001
cdef const double BURST_MOST_S = 0.01


# -- STARTUP -------------------------------------------------------------------------------------------------------

cdef void grow(Pacing *pacing, const Departure *departure, double sent, double now) noexcept nogil:
    """One more for each response while the window is used; three where the first burst came back much faster."""
    if departure.answered == 0:
        see_train(pacing, departure, now)
    if 2 * max(pacing.round_most, pacing.before_most) >= pacing.size:      # else a larger window would not be used
        pacing.size = min(pacing.size + growth(pacing), SIZE_MOST)
    pacing.pace = 1.25 * pacing.size / pacing.rtt
    pacing.batch_missing += 1 - min((pacing.answered - departure.answered) / <double>departure.window, 1)
    if pacing.batch_count == 0:
        pacing.missing += (pacing.batch_missing / BATCH - pacing.missing) / 2
        pacing.missing_least = min(pacing.missing_least, pacing.missing)
        pacing.batch_missing = 0
        if not is_filling(pacing) or (sent < pacing.away_at + pacing.rtt and not is_queued(pacing)):
            pacing.full_at = 0
        elif pacing.full_at < pacing.away_at or pacing.full_at == 0:    # time for which this machine was away says nothing
            pacing.full_at = now
        elif now - pacing.full_at > pacing.rtt_least / 4:   # else this machine may have been late
            leave_startup(pacing, (pacing.answered - departure.answered) / pacing.rtt, departure.window, now)


cdef void see_train(Pacing *pacing, const Departure *departure, double now) noexcept nogil:
    """The first burst left at once and queued where the path is narrowest: how far apart its responses come shows how much
    that carries, as long as they come in order."""
    if pacing.first_count == 0:
        pacing.first_at = now
    pacing.first_count += 1
    pacing.first_turns += now > pacing.first_heard
    pacing.first_heard = now
    if departure.window > pacing.first_last:
        pacing.first_last, pacing.first_last_at = departure.window, now
    elif now > pacing.first_last_at:        # what came in one turn has no order: it came on several sockets
        pacing.first_swapped += 1
    if pacing.first_swapped <= 2 and ROUND_LEAST <= pacing.first_count <= FIRST:
        pacing.train = (pacing.first_count - 1) / max(now - pacing.first_at, 0.00005)
    elif pacing.first_swapped > 2:
        pacing.train = 0


cdef bint is_filling(const Pacing *pacing) noexcept nogil:
    """Even the quickest of some responses were late, and by more than they wander without a queue; or more is missing."""
    return pacing.missing >= pacing.missing_least + MISSING \
        or (pacing.base > 0 and pacing.least > pacing.base + allowance(pacing))


cdef double growth(const Pacing *pacing) noexcept nogil:
    """Of the window, for one response."""
    cdef double rate = pacing.size / pacing.rtt
    if rate < pacing.train / 4:
        return 3
    return 0.25 if is_even(pacing) and rate > 0.6 * pacing.train else 1


cdef bint is_even(const Pacing *pacing) noexcept nogil:
    """The responses to the first burst came one after the other, as something narrow lets them out, and not in heaps, as
    something busy does."""
    return pacing.train > 0 and pacing.first_turns >= EVEN


cdef void leave_startup(Pacing *pacing, double rate, int window, double now) noexcept nogil:
    """The path is full at this rate and this window; what was lost while it was far from full is its own loss."""
    cdef int index
    if is_even(pacing):
        rate = min(rate, 1.25 * pacing.train)
    remember(pacing, max(min(rate, 2 * pacing.rate), pacing.rate))
    pacing.calm.sent = pacing.calm.lost = 0
    for index in range(class_of(window) - 1):
        pacing.calm.sent += pacing.by_size[index].sent
        pacing.calm.lost += pacing.by_size[index].lost
    begin_cruise(pacing, now)


cdef void begin_cruise(Pacing *pacing, double now) noexcept nogil:
    """At the rate that is known."""
    pacing.phase = CRUISE
    pacing.full_at = 0
    pacing.reduced_at = now
    pacing.turn = 0
    pacing.looked = 0
    pacing.interval, pacing.next_look = INTERVAL_FIRST, 3
    pacing.paid = 0
    pacing.gain = 1
    set_course(pacing)
    begin_round(pacing, now)


cdef void judge_growth(Pacing *pacing, double rate, double responses) noexcept nogil:
    """A larger window brings more, or the path is full."""
    cdef double grown = pacing.size / pacing.before_size - 1 if pacing.before_size else 0
    if pacing.before_size and (grown < 0.1 or not pacing.round_limited):
        return
    pacing.flat = pacing.flat + 1 if not pacing.is_slack and rate * (1 + 2 / sqrt(responses)) < (1 + grown / 3) * pacing.before else 0
    if rate > pacing.before:
        pacing.before = rate
    pacing.before_size = pacing.size


# -- CRUISE --------------------------------------------------------------------------------------------------------

cdef void set_course(Pacing *pacing) noexcept nogil:
    """Pace and size from the rate. What a server needs for a response is part of the round trip, a queue is not."""
    cdef double queue = max(pacing.standing - pacing.base, 0.0) if pacing.base > 0 else 0
    cdef double rate = pacing.rate / (1 - min(own_loss(pacing), 0.5))
    pacing.pace = pacing.gain * rate
    pacing.size = 2 * rate * max(pacing.hold - queue, pacing.rtt_least) + FIRST + min(rate * 0.001, 100)
    pacing.size = min(pacing.size, SIZE_MOST)


cdef bint is_waiting(Pacing *pacing, double rate) noexcept nogil:
    """A queue stands. One that stays for long though no more is sent than comes back is not ours: the way has become
    longer."""
    if not is_queued(pacing):
        pacing.queued = 0
        return False
    pacing.queued += rate > 0.9 * pacing.pace
    if pacing.queued > QUEUED_MAX:
        pacing.base, pacing.queued = pacing.standing, 0
    return True


cdef bint is_lossy(const Pacing *pacing, double responses) noexcept nogil:
    """More was lost in the round than the path's own and chance make likely."""
    cdef double expected = (LOSSY + 1.5 * own_loss(pacing)) * (responses + pacing.round_lost)
    return pacing.round_lost >= 3 and pacing.round_lost > expected + 2 * sqrt(expected)


cdef void judge_far(Pacing *pacing, double rate, double now) noexcept nogil:
    """A round brought so many responses a second. One of which this machine took part for something else, or that was to
    let a queue run dry, lowers nothing."""
    cdef bint hindered, drained = min(pacing.gain, pacing.before_gain) < 1
    cdef double was = pacing.rate
    pacing.was_slack = pacing.is_slack
    pacing.is_slack = not pacing.round_limited or pacing.round_unused > 0.1 * pacing.round_sent
    hindered = pacing.is_slack or pacing.was_slack
    if rate > pacing.rate or not (hindered or drained):
        remember(pacing, rate)
    if pacing.phase == STARTUP:
        judge_start(pacing, rate, now)
    else:
        pacing.turn += 1
        cruise(pacing, rate, was, hindered, drained, now)


cdef void judge_start(Pacing *pacing, double rate, double now) noexcept nogil:
    """STARTUP ends with losses, or where more in flight brings no more."""
    cdef double responses = pacing.answered - pacing.round_answered
    pacing.before_gain = pacing.gain
    judge_growth(pacing, rate, responses)
    if pacing.flat > 3 or (pacing.flat and pacing.round_late > 0.1 * responses) \
            or (pacing.round_lost >= 3 and pacing.round_lost > (0.05 + 2 * own_loss(pacing)) * (pacing.round_lost + responses)):
        leave_startup(pacing, rate, pacing.in_flight, now)


cdef void cruise(Pacing *pacing, double rate, double was, bint hindered, bint drained, double now) noexcept nogil:
    """Keep to the greatest rate; where a queue stands, or more is lost than the path's own, that of these rounds is the
    truth. `was`: the greatest rate before this round."""
    cdef bint lossy = is_lossy(pacing, pacing.answered - pacing.round_answered)
    cdef bint queued = is_waiting(pacing, rate)
    cdef bint long_queue = queued and pacing.standing > 2 * pacing.base + 0.005
    cdef bint growing = long_queue and pacing.round_sent > 1.1 * (pacing.answered - pacing.round_answered)
    cdef double least = (0.5 if long_queue else 0.8) * pacing.rate
    if pacing.turn == 1:
        pacing.first_rate = rate
    elif pacing.turn == 2 and not (hindered or drained):    # what STARTUP ended with was a guess
        believe(pacing, max(rate, pacing.first_rate))
    if lossy:
        pacing.reduced_at = now
        pacing.burst_s = max(pacing.burst_s / 2, BURST_LEAST_S)
    elif hindered or drained:
        pacing.burst_s = min(pacing.burst_s * 1.05, BURST_MOST_S)
    if (lossy and pacing.gain >= 1 and (pacing.burst_s == BURST_LEAST_S or not (hindered or drained))) \
            or (queued and (growing or not hindered) and rate < 0.9 * pacing.pace):
        believe(pacing, max(max(rate, pacing.before_rate), least))
    pacing.before_rate = rate
    choose_gain(pacing, queued, lossy, hindered, rate > 1.12 * was)
    if pacing.phase == CRUISE:
        set_course(pacing)


cdef bint is_unexplained(const Pacing *pacing) noexcept nogil:
    """Losses that no look upwards has brought, or of a path whose own are not known: a round with less shows what these are."""
    return pacing.turn > pacing.looked + LOOK_ROUNDS or not is_loss_known(pacing)


cdef void choose_gain(Pacing *pacing, bint queued, bint lossy, bint hindered, bint brought_more) noexcept nogil:
    """Of the next round. A look upwards is one round with more; its responses come in the next, with less; and that after
    it says what it brought. Twice in a row more, and it is as at the start."""
    cdef double before = pacing.gain
    pacing.before_gain = before
    if before > 1:
        pacing.looked = pacing.turn
        pacing.gain = 0.85
        return
    if before < 1 and pacing.turn == pacing.next_look + 2 and not queued and not lossy:
        if brought_more:
            pacing.paid += 1
            pacing.gain, pacing.next_look = LOOK, pacing.turn
            if pacing.paid > 1:
                pacing.phase = STARTUP
                pacing.flat, pacing.before, pacing.before_size, pacing.gain = 0, pacing.before_rate, pacing.size, 1
            return
        if hindered and pacing.round_late == 0:
            remember(pacing, LOOK * pacing.rate)    # nothing speaks against it, and this machine cannot show what it brings
    pacing.gain = max(0.5, pacing.base / pacing.standing) if queued else 1.0
    if lossy and not queued and is_unexplained(pacing):
        pacing.gain = 0.85
        forget_calm(pacing)         # it may have changed
    if pacing.turn == pacing.next_look and not queued and not lossy:
        pacing.gain = LOOK
    elif pacing.turn >= pacing.next_look + 2:
        pacing.paid = 0
        if queued or lossy or pacing.round_late > 0.05 * (pacing.answered - pacing.round_answered):
            pacing.interval = min(2 * pacing.interval, <int>INTERVAL_MAX)
        pacing.next_look = pacing.turn + pacing.interval
