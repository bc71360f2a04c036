# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""How the model is found."""

from libc.math cimport sqrt

cdef const double SIZE_MOST = 16384.0
cdef const double FAR_RTT_S = 0.001
cdef const double FAR_MEAN_S = 0.004
cdef const double NEAR_MEAN_S = 0.002
cdef const double ROUND_S = 0.002           # a rate over less time is noise
cdef const double BASE_FOR_S = 10.0     # then the least round trip is looked for anew
cdef const double MISSING = 0.25            # of a window, unanswered by those that left after it: then it is too large
cdef const double LOSSY = 0.02              # share of losses above the path's own that shows that it is too much
cdef const double IDLE_S = 0.01             # and two round trips, with nothing in flight
cdef const double BURST_S = 0.002           # at first
cdef const double BURST_LEAST_S = 0.001
cdef const double BURST_MOST_S = 0.01
cdef const double PAUSE_FIRST_S = 0.5   # after a second silent window, doubled with each further one
cdef const double PAUSE_MAX_S = 60.0
cdef const double UNREACHABLE_S = 0.1   # after a send that failed, or an ICMP error; doubled with each further failed send
cdef const double UNREACHABLE_MAX_S = 1.0
cdef enum:
    ROUND_LEAST = 8                     # responses of the shortest round
    BATCH = 16                          # responses whose least round trip counts
    INTERVAL_FIRST = 4
    INTERVAL_MAX = 16
    QUEUED_MAX = 8
    EVEN = 6


cdef void begin_pacing(Pacing *pacing) noexcept nogil:
    """A path that has not been asked yet, in zeroed memory."""
    pacing.size, pacing.ceiling = FIRST, SIZE_MOST
    pacing.rtt_least = pacing.batch_least = 1e9
    pacing.gain = pacing.before_gain = pacing.tried = 1
    pacing.cured = 0.6
    pacing.missing_least = 1
    pacing.burst_s = BURST_S


cdef void depart(Pacing *pacing, Departure *departure, bint is_first, bint is_early, double now) noexcept nogil:
    """A query leaves."""
    if pacing.in_flight == 0 and now - pacing.emptied_at > IDLE_S + 2 * pacing.rtt + (4 / pacing.pace if pacing.pace else 0):
        begin_round(pacing, now)            # the time without is no part of a round
    pacing.in_flight += 1
    pacing.early_in_flight += is_early
    pacing.round_most = max(pacing.round_most, pacing.in_flight)
    pacing.round_sent += 1
    if pacing.pace > 0:
        pacing.credit -= 1
    departure.answered, departure.window = pacing.answered, pacing.in_flight
    departure.holds, departure.is_first, departure.is_early = True, is_first, is_early
    departure.is_calm = pacing.phase == CRUISE and pacing.gain < 1 and not is_queued(pacing)


cdef void leave(Pacing *pacing, Departure *departure, double now) noexcept nogil:
    """Its place is free again."""
    if departure.holds:
        if pacing.in_flight >= pacing.size:     # the window was what limited it until now: no credit was left unused
            pacing.credit_at = now
        departure.holds = False
        pacing.in_flight -= 1
        pacing.early_in_flight -= departure.is_early
        if pacing.in_flight == 0:
            pacing.emptied_at = now


cdef void undo_departure(Pacing *pacing, Departure *departure) noexcept nogil:
    """The query never left."""
    departure.holds = False
    pacing.in_flight -= 1
    pacing.early_in_flight -= departure.is_early
    pacing.credit += 1


cdef void respond(Pacing *pacing, Departure *departure, double sent, double now) noexcept nogil:
    """A response came to a query that left at `sent` (s, monotonic)."""
    cdef double rtt = now - sent
    cdef Phase phase = pacing.phase
    leave(pacing, departure, now)
    pacing.answered += 1
    pacing.latest = max(pacing.latest, sent)
    pacing.blind = pacing.probes = pacing.silences = pacing.unanswered = pacing.unreachable = 0
    pacing.paused_until = 0
    pacing.rtt_least = min(pacing.rtt_least, rtt)
    see_least(pacing, rtt)
    pacing.rtt = pacing.rtt + (rtt - pacing.rtt) / 8 if pacing.rtt else rtt
    pacing.round_sum += rtt
    if pacing.answered == 1:
        judge_distance(pacing)
    if departure.is_calm:
        pacing.calm.sent += 1
    elif phase == STARTUP:
        pacing.by_size[class_of(departure.window)].sent += 1
        if pacing.is_far:
            grow(pacing, departure, now)
    if departure.answered >= pacing.round_answered and phase == pacing.phase:
        end_round(pacing, now)


cdef void see_least(Pacing *pacing, double rtt) noexcept nogil:
    pacing.batch_least = min(pacing.batch_least, rtt)
    pacing.batch_count += 1
    if pacing.batch_count == BATCH:
        pacing.least += (pacing.batch_least - pacing.least) / (2 if pacing.least else 1)
        pacing.batch_count, pacing.batch_least = 0, 1e9


cdef int class_of(int window) noexcept nogil:
    """The window's power of two, as an index."""
    cdef int at = 0
    while window > 1 and at < CLASSES - 1:
        window >>= 1
        at += 1
    return at


# -- rounds --------------------------------------------------------------------------------------------------------

cdef void begin_round(Pacing *pacing, double now) noexcept nogil:
    pacing.round_answered, pacing.round_at = pacing.answered, now
    pacing.round_lost = pacing.round_late = pacing.round_window = 0
    pacing.round_sum = 0
    pacing.round_sent = 0
    pacing.round_unused = 0
    pacing.before_most, pacing.round_most = pacing.round_most, pacing.in_flight
    pacing.round_limited = False


cdef void end_round(Pacing *pacing, double now) noexcept nogil:
    """What the round says, when it has enough responses to say something."""
    cdef double took = now - pacing.round_at, rate, mean
    cdef int64_t responses = pacing.answered - pacing.round_answered
    if responses < ROUND_LEAST or took < ROUND_S or (not pacing.is_far and responses < max(2 * pacing.size, 48)):
        return
    mean = pacing.round_sum / responses
    rate = min(responses / max(took, pacing.rtt_least), max(pacing.round_most, pacing.before_most) / mean)     # Little's law
    pacing.hold += (mean - pacing.hold) / (8 if pacing.hold else 1)
    judge_distance(pacing)
    if pacing.base == 0 or pacing.least <= pacing.base or now - pacing.base_at > BASE_FOR_S:
        pacing.base, pacing.base_at = pacing.least, now
    if pacing.is_far:
        judge_far(pacing, rate, pacing.round_lost / (pacing.round_lost + responses), now)
    else:
        judge_near(pacing, rate, pacing.round_lost / (pacing.round_lost + responses), now)
    begin_round(pacing, now)


cdef void judge_distance(Pacing *pacing) noexcept nogil:
    """A path becomes far where time is spent elsewhere than in a queue that we make."""
    if pacing.is_far:
        if pacing.rtt_least < FAR_RTT_S and pacing.hold < NEAR_MEAN_S:
            pacing.is_far = False
            pacing.pace = 0
            pacing.phase = STARTUP
            pacing.best, pacing.best_rate, pacing.flat = min(pacing.size, 64), 0, 0
            pacing.tried = 1
    elif pacing.rtt_least >= FAR_RTT_S or pacing.hold > FAR_MEAN_S:
        pacing.is_far = True
        pacing.phase = STARTUP
        pacing.before = pacing.before_size = pacing.flat = 0


cdef double own_loss(const Pacing *pacing) noexcept nogil:
    """The share of queries that the path loses however few are sent."""
    return pacing.calm.lost / pacing.calm.sent if pacing.calm.sent >= 64 else 0


cdef bint is_queued(const Pacing *pacing) noexcept nogil:
    """Even the quickest responses were late."""
    return pacing.base > 0 and pacing.least > pacing.base + max(pacing.base / 16, 0.001)


cdef bint is_lossy(const Pacing *pacing, double responses) noexcept nogil:
    """More was lost in the round than the path's own and chance make likely."""
    cdef double expected = (LOSSY + 1.5 * own_loss(pacing)) * (responses + pacing.round_lost)
    return pacing.round_lost >= 3 and pacing.round_lost > expected + 2 * sqrt(expected)


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


# -- far: STARTUP --------------------------------------------------------------------------------------------------

cdef void grow(Pacing *pacing, const Departure *departure, double now) noexcept nogil:
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
        if not is_queued(pacing) and pacing.missing < pacing.missing_least + MISSING:
            pacing.full_at = 0
        elif pacing.full_at == 0:
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
    pacing.phase = CRUISE
    pacing.full_at = 0
    pacing.reduced_at = now
    pacing.calm.sent = pacing.calm.lost = 0
    for index in range(class_of(window) - 1):
        pacing.calm.sent += pacing.by_size[index].sent
        pacing.calm.lost += pacing.by_size[index].lost
    pacing.turn = 0
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


# -- far: CRUISE ---------------------------------------------------------------------------------------------------

cdef void set_course(Pacing *pacing) noexcept nogil:
    """Pace and size from the rate. What a server needs for a response is part of the round trip, a queue is not."""
    cdef double queue = max(pacing.least - pacing.base, 0.0) if pacing.base > 0 else 0
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
        pacing.base, pacing.queued = pacing.least, 0
    return True


cdef void judge_far(Pacing *pacing, double rate, double lost, double now) noexcept nogil:
    """STARTUP ends with losses, or where more in flight brings no more. CRUISE keeps to the greatest rate; where a queue
    stands, or more is lost than the path's own, that of this round is the truth."""
    cdef bint lossy = is_lossy(pacing, pacing.answered - pacing.round_answered)
    cdef bint queued = is_waiting(pacing, rate), slack
    cdef double was = pacing.rate, before = pacing.gain
    pacing.was_slack = pacing.is_slack
    pacing.is_slack = not pacing.round_limited or pacing.round_unused > 0.1 * pacing.round_sent
    slack = pacing.is_slack or pacing.was_slack or min(before, pacing.before_gain) < 1
    pacing.before_gain = before
    if rate > pacing.rate or not slack:
        remember(pacing, rate)
    if pacing.phase == STARTUP:
        judge_growth(pacing, rate, pacing.answered - pacing.round_answered)
        if pacing.flat > 3 or (pacing.flat and pacing.round_late > 0.1 * (rate * (now - pacing.round_at))) \
                or (pacing.round_lost >= 3 and lost > 0.05 + 2 * own_loss(pacing)):
            leave_startup(pacing, rate, pacing.in_flight, now)
        return
    pacing.turn += 1
    if pacing.turn == 1:
        pacing.first_rate = rate
    elif pacing.turn == 2 and not slack:        # what STARTUP ended with was a guess
        believe(pacing, max(rate, pacing.first_rate))
    if lossy:
        pacing.burst_s = max(pacing.burst_s / 2, BURST_LEAST_S)
    elif slack:
        pacing.burst_s = min(pacing.burst_s * 1.2, BURST_MOST_S)
    if (lossy and (not slack or pacing.burst_s == BURST_LEAST_S) and before >= 1) \
            or (queued and not (pacing.is_slack or pacing.was_slack) and rate < 0.9 * pacing.pace):
        believe(pacing, max(max(rate, pacing.before_rate), (0.5 if pacing.least > 2 * pacing.base + 0.005 else 0.8) * pacing.rate))
    pacing.before_rate = rate
    if lossy:
        pacing.reduced_at = now
    if before > 1:                              # its responses come in this round
        pacing.gain = 0.85
    elif before < 1 and pacing.turn == pacing.next_look + 2 and rate > 1.12 * was and not queued and not lossy:
        pacing.paid += 1
        pacing.gain = 1.25
        pacing.next_look = pacing.turn
        if pacing.paid > 1:
            pacing.phase = STARTUP
            pacing.flat, pacing.before, pacing.before_size, pacing.gain = 0, rate, pacing.size, 1
            return
    else:
        pacing.gain = max(0.5, pacing.base / pacing.least) if queued else 1.0
        if pacing.turn == pacing.next_look and not queued and not lossy:
            pacing.gain = 1.25
        elif pacing.turn >= pacing.next_look + 2:
            pacing.paid = 0
            if queued or lossy or pacing.round_late > 0.05 * (pacing.answered - pacing.round_answered):
                pacing.interval = min(2 * pacing.interval, <int>INTERVAL_MAX)
            pacing.next_look = pacing.turn + pacing.interval
    set_course(pacing)


# -- near ----------------------------------------------------------------------------------------------------------

cdef void judge_near(Pacing *pacing, double rate, double lost, double now) noexcept nogil:
    """As few as bring nearly the most. One round tries another size, and is compared with the round before: more in flight
    has to bring more, fewer may bring hardly less. Losses show how many are too many."""
    cdef bint late = pacing.cured > 0.3 and pacing.round_late > 0.05 * (pacing.answered - pacing.round_answered)
    if pacing.round_lost >= 2 and lost > LOSSY:
        pacing.phase = CRUISE
        pacing.ceiling = max(0.75 * min(pacing.round_window, pacing.ceiling), 1.0)
        pacing.best, pacing.tried = min(pacing.best, pacing.ceiling), 1
        pacing.reduced_at = now
    elif pacing.tried == 1:
        pacing.best_rate = rate
        pacing.best = min(pacing.size, pacing.ceiling)
        pacing.rest -= 1
        pacing.tried = next_try(pacing, late)
    elif rate > pacing.best_rate * (1.12 if pacing.tried > 1 else 0.97):
        pacing.best_rate = rate if pacing.tried > 1 else max(rate, pacing.best_rate * 0.99)
        pacing.best = min(pacing.size, pacing.ceiling)
        pacing.tried = next_try(pacing, late) if pacing.phase == STARTUP else pacing.tried
    else:
        if pacing.phase == STARTUP and pacing.tried > 1:
            pacing.flat += 1
            pacing.phase = STARTUP if pacing.flat < 2 else CRUISE
        pacing.rest = 0 if pacing.phase == STARTUP else 8
        pacing.tried = 1
    if now - pacing.reduced_at > 0.5:
        pacing.ceiling = min(pacing.ceiling * 1.02, SIZE_MOST)
    pacing.size = max(min(pacing.tried * pacing.best, pacing.ceiling), 1.0)


cdef double next_try(Pacing *pacing, bint late) noexcept nogil:
    """The factor by which the next round's size differs from the best."""
    if pacing.phase == STARTUP:
        return 0.5 if late else 2 if pacing.best < 64 else 1.41
    if pacing.rest > 0:
        return 1
    pacing.near_turn += 1
    return 0.5 if late else 0.8 if pacing.near_turn % 2 else 1.25


# -- what does not come back ---------------------------------------------------------------------------------------

cdef bint let_go(Pacing *pacing, Departure *departure, bint evident, double patience, double now) noexcept nogil:
    """A late query gives up its place: True. Where nothing shows that it is lost, as many do so as are in flight at once,
    since names may be to blame; then one at a time, ever more slowly, as the path may be."""
    if not departure.holds:
        return True
    if evident:
        pacing.round_late += 1
    elif departure.is_first:
        if pacing.blind >= max(pacing.size, <double>FIRST):
            if now - pacing.probed_at < patience * (1 << min(pacing.probes, 6)):
                return False
            pacing.probed_at = now
            pacing.probes += 1
        pacing.blind += 1
    leave(pacing, departure, now)
    return True


cdef void see_cure(Pacing *pacing, bint cured) noexcept nogil:
    """A name was asked again: it helped, or it was needless or in vain."""
    pacing.cured += ((1 if cured else 0) - pacing.cured) / 16


cdef void prove_loss(Pacing *pacing, const Departure *departure, double sent) noexcept nogil:
    """This query was lost: its name was asked again, and that was answered."""
    if departure.is_calm:
        pacing.calm.sent += 1
        pacing.calm.lost += 1
        return
    if pacing.phase == STARTUP:
        pacing.by_size[class_of(departure.window)].sent += 1
        pacing.by_size[class_of(departure.window)].lost += 1
    if sent > pacing.reduced_at:
        pacing.round_lost += 1
        pacing.round_window = max(pacing.round_window, departure.window)


cdef bint fail(Pacing *pacing, Departure *departure, double sent, double now) noexcept nogil:
    """An attempt ended without a response. A whole window of them: feel with few queries, then with pauses between them.
    True when the path is paused."""
    if departure.is_first and sent > max(pacing.latest, pacing.silent_at):     # else the path is not to blame, or was judged
        pacing.unanswered += 1
    if pacing.unanswered < min(pacing.size, FIRST):
        return False
    pacing.unanswered = 0
    pacing.silent_at = now
    pacing.silences += 1
    if pacing.silences == 1:
        pacing.best = max(pacing.best / 2, 1.0)
        believe(pacing, pacing.rate / 2)
        pacing.phase = STARTUP
        pacing.before = pacing.before_size = pacing.flat = 0
    pacing.size = max(pacing.size / 8, 1.0)
    if pacing.silences < 2:
        return False
    pacing.paused_until = now + min(PAUSE_MAX_S, PAUSE_FIRST_S * (1 << min(pacing.silences - 2, 10)))
    return True


cdef void pause_unreachable(Pacing *pacing, double now) noexcept nogil:
    """Nothing can be sent there now, or an ICMP error reports that it cannot be reached."""
    pacing.size = 1
    pacing.phase = STARTUP
    pacing.paused_until = now + min(UNREACHABLE_MAX_S, UNREACHABLE_S * (1 << min(pacing.unreachable, 4)))
