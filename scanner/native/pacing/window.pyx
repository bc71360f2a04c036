# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Queries come into a path's window and leave it: answered, late, or never sent; and its rounds."""

from libc.stdint cimport int64_t

from scanner.native.pacing.far cimport begin_cruise, grow, judge_far
from scanner.native.pacing.model cimport (
    BATCH, CRUISE, FIRST, ROUND_LEAST, STARTUP, Phase, begin_round, believe, class_of, is_away, is_queued, see_calm,
)
from scanner.native.pacing.near cimport judge_near

cdef enum:
    TOO_LATE = 8            # responses that came too late, less those that came in time since then
cdef const double FAR_RTT_S = 0.001
cdef const double FAR_MEAN_S = 0.004
cdef const double NEAR_MEAN_S = 0.002
cdef const double ROUND_S = 0.002           # a rate over less time is noise
cdef const double TOO_LATE_S = 0.1          # and two round trips: until it shows whether less helped
cdef const double BASE_FOR_S = 10.0         # then the least round trip is looked for anew
cdef const double IDLE_S = 0.01             # and two round trips, with nothing in flight
cdef const double PAUSE_FIRST_S = 0.5       # after a second silent window, doubled with each further one
cdef const double PAUSE_MAX_S = 60.0
cdef const double UNREACHABLE_S = 0.1       # after a send that failed, or an ICMP error; doubled with each further failed send
cdef const double UNREACHABLE_MAX_S = 1.0


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


cdef void respond(Pacing *pacing, Departure *departure, double sent, double came, double now) noexcept nogil:
    """A response came at `came` to a query that left at `sent` (s, monotonic); until `now` it waited to be read."""
    cdef double rtt = came - sent
    cdef Phase phase = pacing.phase
    leave(pacing, departure, now)
    if is_away(pacing, now - came):
        pacing.away_at = now
    pacing.answered += 1
    pacing.too_late -= pacing.too_late > 0
    pacing.latest = max(pacing.latest, sent)
    pacing.blind = pacing.probes = pacing.silences = pacing.unanswered = pacing.unreachable = 0
    pacing.paused_until = 0
    pacing.rtt_least = min(pacing.rtt_least, rtt)
    pacing.round_least = min(pacing.round_least, rtt)
    see_least(pacing, rtt)
    pacing.rtt = pacing.rtt + (rtt - pacing.rtt) / 8 if pacing.rtt else rtt
    pacing.round_sum += rtt
    if pacing.answered == 1:
        judge_distance(pacing)
    if departure.is_calm:
        see_calm(pacing, False)
    elif phase == STARTUP:
        pacing.by_size[class_of(departure.window)].sent += 1
        if pacing.is_far:
            grow(pacing, departure, sent, now)
    if departure.answered >= pacing.round_answered and phase == pacing.phase:
        end_round(pacing, now)


cdef void see_least(Pacing *pacing, double rtt) noexcept nogil:
    pacing.batch_least = min(pacing.batch_least, rtt)
    pacing.batch_count += 1
    if pacing.batch_count == BATCH:
        if pacing.least:
            pacing.wander += (2 * max(pacing.least - pacing.batch_least, 0.0) - pacing.wander) / 8   # a queue only rises
        pacing.least += (pacing.batch_least - pacing.least) / (2 if pacing.least else 1)
        pacing.batch_count, pacing.batch_least = 0, 1e9


# -- rounds --------------------------------------------------------------------------------------------------------

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
    pacing.standing = pacing.round_least
    if pacing.base == 0 or pacing.standing <= pacing.base or now - pacing.base_at > BASE_FOR_S:
        pacing.base, pacing.base_at = pacing.standing, now
    if pacing.is_far:
        judge_far(pacing, rate, now)
    else:
        judge_near(pacing, rate, now)
    begin_round(pacing, now)


cdef void judge_distance(Pacing *pacing) noexcept nogil:
    """A path becomes far where time is spent elsewhere than in a queue that we make. One that was so for its first
    responses alone, as of a server that had been asleep, was not."""
    if pacing.is_far:
        if pacing.rtt_least < FAR_RTT_S and (not pacing.is_slow or pacing.hold < NEAR_MEAN_S):
            pacing.is_far = False
            pacing.pace = 0
            pacing.phase = STARTUP
            pacing.best, pacing.best_rate, pacing.flat = min(min(pacing.size, pacing.round_most), 64), 0, 0
            pacing.size = max(pacing.best, 1.0)
            pacing.tried, pacing.tried_rate = 1, 0
            pacing.hold = 0
    elif pacing.rtt_least >= FAR_RTT_S or pacing.hold > FAR_MEAN_S:
        pacing.is_far = True
        pacing.is_slow = pacing.rtt_least < FAR_RTT_S
        pacing.phase = STARTUP
        pacing.before = pacing.before_size = pacing.flat = 0


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
        see_calm(pacing, True)
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


cdef void see_too_late(Pacing *pacing, double now) noexcept nogil:
    """A response came when its attempt had ended. Where more do so than come in time, more is on its way than the path
    answers in the time of an attempt; a few are names that take long."""
    cdef double half = max(pacing.size / 2, 1.0)
    pacing.too_late += 1
    if pacing.too_late < TOO_LATE or now - pacing.too_late_at < TOO_LATE_S + 2 * pacing.rtt:
        return
    pacing.too_late = 0
    pacing.too_late_at = pacing.reduced_at = now
    if pacing.is_far:
        believe(pacing, pacing.rate / 2)
        begin_cruise(pacing, now)
    else:
        pacing.best = max(pacing.best / 2, 1.0)
        pacing.ceiling = max(pacing.best, 2.0)
    pacing.size = half


cdef void pause_unreachable(Pacing *pacing, double now) noexcept nogil:
    """Nothing can be sent there now, or an ICMP error reports that it cannot be reached."""
    pacing.size = 1
    pacing.phase = STARTUP
    pacing.paused_until = now + min(UNREACHABLE_MAX_S, UNREACHABLE_S * (1 << min(pacing.unreachable, 4)))
