# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The window of a near path, found by trying."""

from scanner.native.pacing.model cimport CRUISE, SIZE_MOST, STARTUP

cdef const double LOSSY = 0.02              # share of losses that shows that it is too much


cdef void judge_near(Pacing *pacing, double rate, double now) noexcept nogil:
    """As few as bring nearly the most. One round tries another size, and is compared with the round before: more in flight
    has to bring more, fewer may bring hardly less. Losses show how many are too many."""
    cdef double responses = pacing.answered - pacing.round_answered
    cdef bint late = pacing.cured > 0.3 and pacing.round_late > 0.05 * responses
    if pacing.round_lost >= 2 and pacing.round_lost > LOSSY * (pacing.round_lost + responses):
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
