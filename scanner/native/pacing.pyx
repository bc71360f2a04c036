# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""How a window is found, round by round."""

from libc.math cimport sqrt

cdef const double SIZE_FIRST = 16.0
cdef enum:
    ROUND_LEAST = 8                     # queries of the shortest round
cdef const double ROUND_PATIENCE_S = 0.05   # a query of a round counts as lost after this and four round trips
cdef const double MARGIN = 0.05         # of lost queries above the baseline and its noise: then the window is too large
cdef const double SIGMAS = 2.5
cdef const double QUEUE_S = 0.002       # of waiting beyond twice the shortest round trip
cdef const double PAUSE_FIRST_S = 0.5   # after a second silent round, doubled with each further one
cdef const double PAUSE_MAX_S = 60.0
cdef const double UNREACHABLE_S = 0.1   # after a send that failed, or an ICMP error; doubled with each further failed send
cdef const double UNREACHABLE_MAX_S = 1.0


cdef void begin_pacing(Pacing *pacing) noexcept nogil:
    """A path that has not been asked yet, in zeroed memory."""
    pacing.size = SIZE_FIRST
    pacing.threshold = 1e9
    pacing.round = 1
    pacing.round_target = ROUND_LEAST
    pacing.rtt_least = pacing.round_least = 1e9
    pacing.credit_at = -1


cdef bint judge_round(Pacing *pacing, double now, double timeout_s) noexcept nogil:
    """Look whether the round is over: grow while nothing is lost beyond the baseline, else halve. When a smaller window
    loses as large a share, the names or the path are to blame and not the rate: that share is the baseline. True when
    the path is paused."""
    cdef double share, noise
    cdef bint paused = False
    if pacing.round_sent < pacing.round_target:
        return False
    if (pacing.round_answered + pacing.round_lost < pacing.round_target
            and now - pacing.round_full < 4 * pacing.rtt + ROUND_PATIENCE_S):
        return False
    share = 1 - <double>pacing.round_answered / pacing.round_target
    noise = SIGMAS * sqrt(max(share * (1 - share), 1.0 / pacing.round_target) / pacing.round_target)
    if pacing.round_answered == 0:
        paused = fell_silent(pacing, now)
    elif pacing.before and share >= pacing.share - noise:
        pacing.baseline, pacing.size = (share + pacing.share) / 2, pacing.before
        pacing.threshold, pacing.before = 1e9, 0
    elif share > pacing.baseline + MARGIN + noise:
        pacing.share, pacing.before = share, pacing.size
        pacing.size = pacing.threshold = max(pacing.size / 2, 1.0)
    else:
        pacing.before = 0
        pacing.baseline += (min(share, pacing.baseline) - pacing.baseline) / 16
        if pacing.rtt > pacing.rtt_least + timeout_s / 4:
            pacing.size = pacing.threshold = max(pacing.size * 0.75, 1.0)
        elif pacing.rtt < pacing.rtt_least + timeout_s / 8:
            if pacing.size < pacing.threshold and pacing.round_least < 2 * pacing.rtt_least + QUEUE_S:
                pacing.size += pacing.round_target
            else:                               # where loss began once, or a queue builds up
                pacing.size += 1 + pacing.size / 256
    pacing.round = pacing.round % 65535 + 1
    pacing.round_target = <int>max(min(pacing.size, 4096.0), ROUND_LEAST)
    pacing.round_sent = pacing.round_answered = pacing.round_lost = 0
    pacing.round_least = 1e9
    return paused


cdef bint fell_silent(Pacing *pacing, double now) noexcept nogil:
    """A whole round without a response: feel with few queries, then with pauses between them. When it answers again, it
    is soon asked half as much as before. True when it is paused."""
    pacing.silences += 1
    if pacing.silences == 1:
        pacing.threshold = max(pacing.size / 2, 1.0)
    pacing.size = max(pacing.size / 8, 1.0)
    pacing.before = 0
    if pacing.silences < 2:
        return False
    pacing.paused_until = now + min(PAUSE_MAX_S, PAUSE_FIRST_S * (1 << min(pacing.silences - 2, 10)))
    return True


cdef void pause_unreachable(Pacing *pacing, double now) noexcept nogil:
    """Nothing can be sent there now, or an ICMP error reports that it cannot be reached."""
    pacing.size = pacing.threshold = 1
    pacing.paused_until = now + min(UNREACHABLE_MAX_S, UNREACHABLE_S * (1 << min(pacing.unreachable, 4)))
