"""How many queries may be in flight on a path of datagrams: found round by round. Plain C, without a clock."""

from libc.stdint cimport uint16_t

cdef enum:
    BURST = 64              # queries of one turn, beside two for each response in it: what was lost together is asked
                            # again, but not at once, or the same buffer would be full again

cdef struct Pacing:
    double size             # queries that may be in flight, at least 1
    double threshold        # size below which it doubles
    double credit_at        # s, monotonic: the present turn
    int credit              # queries that may yet leave in it
    uint16_t round          # the probe round being counted, from 1
    int round_target, round_sent, round_answered, round_lost
    double round_full       # s, monotonic: when its last query left
    double share, before    # of the last round: lost ones; the size before it was halved; 0 = was not
    double baseline         # share of names that never answer, whatever the size
    double rtt              # s, a moving mean
    double rtt_least, round_least   # s: of all; of this round, which a busy machine disturbs less than the mean
    double paused_until     # s, monotonic: silent or unreachable
    int silences            # rounds in a row that nothing came back
    int unreachable         # sends in a row that this machine refused

cdef void begin_pacing(Pacing *pacing) noexcept nogil
cdef bint judge_round(Pacing *pacing, double now, double timeout_s) noexcept nogil
cdef void pause_unreachable(Pacing *pacing, double now) noexcept nogil

cdef inline int credit_now(Pacing *pacing, double now) noexcept nogil:
    if pacing.credit_at != now:
        pacing.credit_at, pacing.credit = now, BURST
    return pacing.credit

cdef inline void pace_response(Pacing *pacing, uint16_t round, double rtt, double now) noexcept nogil:
    """A response came to a query that counts for `round`, 0 = for none."""
    pacing.credit = credit_now(pacing, now) + 2
    pacing.silences = pacing.unreachable = 0
    pacing.paused_until = 0
    pacing.rtt_least = min(pacing.rtt_least, rtt)
    pacing.rtt = rtt if pacing.rtt == 0 else pacing.rtt + (rtt - pacing.rtt) / 8
    if round == pacing.round:
        pacing.round_answered += 1
        pacing.round_least = min(pacing.round_least, rtt)
