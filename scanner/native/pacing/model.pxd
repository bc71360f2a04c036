"""How many queries may be in flight on a path of datagrams, and how fast they may leave: a model of what the path delivers,
found round by round (what BBR does for TCP). Plain C, without a clock.

Two kinds of path want two models. FAR, where time is spent on the way or at the server: paced at the rate of delivery. NEAR,
where a server on the same network answers at once and its buffer is the limit: as few in flight as bring nearly as many
responses. A path is near until its round trips say otherwise.
"""

from libc.stdint cimport int64_t, uint8_t

cdef enum:
    RATES = 10              # rounds whose delivery rates are remembered
    FIRST = 16              # queries of the first burst
    CLASSES = 16            # sizes of the window, by powers of two
    SIZE_MOST = 16384
    ROUND_LEAST = 8         # responses of the shortest round
    BATCH = 16              # responses whose least round trip counts

cdef enum Phase:
    STARTUP                 # twice as much, each round trip
    CRUISE                  # what was found, with a look upwards now and then

cdef struct Departure:      # what a path remembers of a query in flight
    int64_t answered        # responses of the path when it left
    int window              # queries in flight then, itself included
    uint8_t holds           # it is one of those in flight: neither answered nor late
    uint8_t is_calm         # it left while fewer were sent than the path had delivered
    uint8_t is_early        # it repeats one that might still be answered
    uint8_t is_first        # it is the first query for its name: its loss says nothing about the name

cdef struct Losses:         # queries whose loss was proven: the name was asked again, and that was answered
    double sent, lost

cdef struct Pacing:
    Phase phase
    bint is_far
    bint is_slow            # and some responses come at once nevertheless: most take the server long
    int in_flight           # queries that hold a place
    int early_in_flight     # of those: names that are asked again
    double size             # how many may, at least 1
    double ceiling          # NEAR: no larger than this, after losses; grows again
    double pace             # queries a second that may leave; 0 = not paced
    double credit           # of them, by now
    double burst_s          # s: so much of it may be saved up while this machine does something else
    double credit_at        # s, monotonic: when `credit` was looked at
    int64_t answered        # responses in all
    double rtt              # s, a moving mean
    double rtt_least        # s: of all
    double batch_least      # s: of the responses since the last batch of them was full
    int batch_count         # of these
    double least            # s: a moving mean of the batches' least round trips; one that came out too short is no harm
    double wander           # s: how far a batch's least is from that without a queue, a moving mean
    double round_least      # s: of the round
    double standing         # s: of the last round: what the way takes and a queue that did not run dry in it
    double base             # s: the least of that in the last seconds: without a queue
    double base_at          # s, monotonic: when that was found
    double latest           # s, monotonic: when the latest query left that was answered
    double away_at          # s, monotonic: when last a response had waited to be read for long: this machine was away
    double emptied_at       # s, monotonic: when last nothing was in flight any more
    double hold             # s: how long responses take, a moving mean of the rounds' means: one pause of a machine is one round
    # the round: it ends with the response to a query that left after it began
    int64_t round_answered  # responses in all, when it began
    double round_at         # s, monotonic: when it began
    double round_sum        # s: all of them
    int round_most, before_most     # most in flight at once in it; in the round before
    int round_sent          # queries that left in it
    double round_unused     # that might have left, and there was none, or nobody to send them
    bint round_limited      # more would have been sent in it, but for size or pace
    int round_late          # queries that gave up their place in it, with evidence
    double cured            # share of names asked again whose response came when the first had none, a moving mean
    double round_lost       # losses proven in it, of queries that left after `reduced_at`
    int round_window        # NEAR: the largest window in which one of these left
    double rates[RATES]     # responses a second, of the last rounds
    int rate_at
    double rate             # the greatest of them
    # STARTUP
    double first_at         # s, monotonic: first response to the first burst
    int first_count         # of its responses
    int first_last          # the last place in the burst that was answered
    double first_last_at    # s, monotonic: when
    int first_swapped       # responses that came after those of later ones
    double first_heard      # s, monotonic: when the last of them came
    int first_turns         # different times at which they came
    double train            # responses a second within the first burst, 0 = not known: what the path may carry
    double before_rate      # of the round before
    double before_gain      # CRUISE: its gain
    int queued              # rounds in a row that a queue stands
    bint is_slack, was_slack    # fewer left in this round than might have, in the one before: it says little of the path
    double batch_missing    # shares of windows that were not answered by those that left after them, added up for a batch
    double missing          # that share, a moving mean
    double missing_least    # the least that it was
    double full_at          # s, monotonic: since when a queue stands or much more is missing, 0 = neither is so
    double before           # the greatest rate of the rounds before
    double before_size      # the window that brought it
    int flat                # rounds in a row that brought little more
    Losses by_size[CLASSES] # by the window's power of two
    # CRUISE
    double gain             # of this round
    double first_rate       # of its first full round
    int turn, next_look     # rounds so far; the one of the next look upwards
    int interval            # rounds between two looks
    int looked              # the round of the last look
    int paid                # looks upwards in a row that brought more
    Losses calm             # of queries that left while the path was not full: its own
    int too_late            # responses to attempts that had ended, less those that came in time since
    double too_late_at      # s, monotonic: the last time that it was made slower for responses to attempts that had ended
    double reduced_at       # s, monotonic: the last time that losses made it slower
    # NEAR
    double best             # the size that is best so far
    double best_rate        # responses a second of its last round
    double best_share       # responses in it, of the queries that left
    double tried_rate       # of the first of two rounds with another size; 0 where there was none
    int doubted             # the window in which much was lost, while half of it is tried; else 0
    int excused, excuse     # rounds for which losses are not the window's; how many those were the last time
    double tried            # this round's size in terms of it
    int near_turn           # tries so far
    int rest                # rounds until the next
    # silence
    int blind               # queries that were late without evidence, since the last response
    double probed_at        # s, monotonic: the last query let go though as many as that were
    int probes              # in a row
    double paused_until     # s, monotonic: silent or unreachable
    int silences            # windows in a row that nothing came back
    double silent_at        # s, monotonic: when the last of these was noticed
    int unanswered          # attempts that ended, since the last response
    int unreachable         # sends in a row that this machine refused

cdef void begin_pacing(Pacing *pacing) noexcept nogil
cdef void begin_round(Pacing *pacing, double now) noexcept nogil
cdef void remember(Pacing *pacing, double rate) noexcept nogil
cdef void believe(Pacing *pacing, double rate) noexcept nogil
cdef void see_calm(Pacing *pacing, bint is_lost) noexcept nogil
cdef void forget_calm(Pacing *pacing) noexcept nogil
cdef bint is_loss_known(const Pacing *pacing) noexcept nogil
cdef double own_loss(const Pacing *pacing) noexcept nogil
cdef bint is_queued(const Pacing *pacing) noexcept nogil
cdef double allowance(const Pacing *pacing) noexcept nogil
cdef int class_of(int window) noexcept nogil

cdef inline double credit_now(Pacing *pacing, double now) noexcept nogil:
    """Queries that may leave now: what time allows, at most some milliseconds' worth."""
    if pacing.pace == 0:
        return 1e9
    cdef double most = max(2.0, pacing.pace * pacing.burst_s)
    if pacing.phase == STARTUP:
        most = max(<double>FIRST, pacing.pace * 0.005)
    if now > pacing.credit_at:
        pacing.credit += pacing.pace * (now - pacing.credit_at)
        pacing.credit_at = now
        if pacing.credit > most:
            pacing.round_unused += pacing.credit - most
            pacing.credit = most
    return pacing.credit

cdef inline bint may_send(Pacing *pacing, double now) noexcept nogil:
    if pacing.in_flight < pacing.size and credit_now(pacing, now) >= 1:
        return now >= pacing.paused_until
    if pacing.in_flight >= pacing.size:
        pacing.credit_at = now              # the window is what limits it: no credit is left unused
    pacing.round_limited = True
    return False

cdef inline bint is_away(const Pacing *pacing, double late) noexcept nogil:
    """What is so late, s, was so because this machine did something else."""
    return late > max(0.001, pacing.rtt_least / 4)

cdef inline bint may_repeat(const Pacing *pacing) noexcept nogil:
    """Names may be asked again while others wait: those that are never answered must not take all the places, and whether
    the path is still there only others show."""
    return 2 * pacing.early_in_flight < pacing.size and pacing.blind < max(pacing.size, <double>FIRST)
