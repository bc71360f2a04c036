# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The window of a near path, found by trying."""

from scanner.native.pacing.model cimport CRUISE, SIZE_MOST, STARTUP

cdef enum:
    EXCUSED_LEAST = 8
    EXCUSED_MOST = 128
    FEW_MOST = 128          # in flight; a server's buffer has room for twice as many
cdef const double LOSSY = 0.02              # share of losses that shows that it is too much
cdef const double FEW_S = 0.0004            # of what comes in this time: with fewer in flight each system call carries little


cdef void judge_near(Pacing *pacing, double rate, double now) noexcept nogil:
    """As few as bring nearly the most; very few save nothing. Two rounds (one at the start, and where much is late) try
    another size, and are compared with what the best brings: more in flight has to bring more, fewer may bring hardly less.
    Losses are a reason to try half as many."""
    cdef double responses = pacing.answered - pacing.round_answered
    cdef double share = responses / max(pacing.round_sent, 1)   # of what was sent
    cdef bint late = pacing.excused <= 0 and pacing.cured > 0.3 and pacing.round_late > 0.05 * responses
    cdef bint is_second = pacing.tried_rate > 0
    if is_second:
        rate, pacing.tried_rate = (rate + pacing.tried_rate) / 2, 0
    pacing.excused -= 1
    if pacing.doubted > 0:
        judge_losses(pacing, rate, share, now)
    elif pacing.excused <= 0 and pacing.round_lost >= 2 and pacing.round_lost > LOSSY * (pacing.round_lost + responses):
        pacing.doubted = pacing.round_window
        pacing.best, pacing.best_rate, pacing.best_share = pacing.size, rate, share
        pacing.tried = 0.5
    elif pacing.tried == 1:
        pacing.best_rate += (rate - pacing.best_rate) / (4 if pacing.rest > 0 and pacing.best_rate else 1)
        pacing.best_share = min(share, 1.0)     # where the window has shrunk, more come than leave
        pacing.best = min(pacing.size, pacing.ceiling)
        pacing.rest -= 1
        pacing.tried = next_try(pacing, late)
    elif pacing.phase != STARTUP and pacing.tried > 0.5 and not is_second:
        pacing.tried_rate = rate
        return
    elif is_better(pacing, rate, share):
        pacing.best_rate = rate if pacing.tried > 1 else max(rate, pacing.best_rate * 0.99)
        pacing.best_share = share
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


cdef bint is_better(const Pacing *pacing, double rate, double share) noexcept nogil:
    """The size tried, than the best so far: more responses, though not for many more lost; or fewer lost."""
    if pacing.tried > 1:
        return rate > pacing.best_rate * (0.97 if pacing.size <= few(pacing) else 1.12) and share > 0.75 * pacing.best_share
    return rate > pacing.best_rate * 0.97 or share > 1.3 * pacing.best_share


cdef double few(const Pacing *pacing) noexcept nogil:
    """So many in flight are not too many, as long as no losses say otherwise: each query costs this machine and the server
    more where they come one at a time."""
    return min(FEW_S * pacing.best_rate, <double>FEW_MOST) if pacing.ceiling >= SIZE_MOST else 0


cdef void judge_losses(Pacing *pacing, double rate, double share, double now) noexcept nogil:
    """Half as many were in flight in this round: where that brought nearly as much, the rest was too much; else the path
    loses them whatever the window is, and for some rounds nobody asks why."""
    if rate > 0.75 * pacing.best_rate or share > 1.3 * pacing.best_share:
        pacing.phase = CRUISE
        pacing.ceiling = max(0.75 * min(pacing.doubted, pacing.ceiling), 1.0)
        pacing.best = min(pacing.size, pacing.ceiling)
        pacing.reduced_at = now
        pacing.excuse = EXCUSED_LEAST
    else:
        pacing.excused = pacing.excuse = min(max(2 * pacing.excuse, EXCUSED_LEAST), EXCUSED_MOST)
    pacing.doubted = 0
    pacing.tried = 1


cdef double next_try(Pacing *pacing, bint late) noexcept nogil:
    """The factor by which the next round's size differs from the best."""
    if pacing.phase != STARTUP and pacing.rest > 0:
        return 1
    pacing.near_turn += 1
    if pacing.near_turn % 2 and (late or (pacing.phase != STARTUP and pacing.best > few(pacing))):
        return 0.5 if late else 0.8
    return 1.25 if pacing.phase != STARTUP else 2 if pacing.best < 64 else 1.41
