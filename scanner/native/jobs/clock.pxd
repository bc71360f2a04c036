"""The scan's clock of deadlines: monotonic seconds, less the time for which a slow reader of the output held everything
up, so that waiting for a reader never turns an answer into a timeout."""

cdef enum:
    HOLDS_KEPT = 1024

cdef struct Hold:           # a time for which the scan stood still, and which is over
    double since            # s, monotonic
    double before           # s: what all earlier ones took

cdef struct ScanClock:
    double held             # s: for which the scan stood still
    double held_since       # s, monotonic; < 0 = it does not stand still
    long long count         # holds that are over
    Hold holds[HOLDS_KEPT]  # the last ones, number n in place n % HOLDS_KEPT

cdef inline void end_hold(ScanClock *clock, double now) noexcept nogil:
    """It stands still no longer."""
    cdef Hold *hold = &clock.holds[clock.count % HOLDS_KEPT]
    hold.since, hold.before = clock.held_since, clock.held
    clock.count += 1
    clock.held += now - clock.held_since
    clock.held_since = -1

cdef inline double held_after(const ScanClock *clock, double moment) noexcept nogil:
    """Seconds that holds took which began after that moment (monotonic), as far as they are kept: what was in flight then
    was waited for by nobody."""
    cdef long long last = clock.count, first = max(0, last - HOLDS_KEPT), middle
    if last == 0 or clock.holds[(last - 1) % HOLDS_KEPT].since <= moment:
        return 0                # nearly always
    while first < last:         # the first that began later
        middle = (first + last) // 2
        if clock.holds[middle % HOLDS_KEPT].since > moment:
            last = middle
        else:
            first = middle + 1
    return clock.held - clock.holds[first % HOLDS_KEPT].before

cdef inline double scan_time(const ScanClock *clock, double now) noexcept nogil:
    return (now if clock.held_since < 0 else clock.held_since) - clock.held
