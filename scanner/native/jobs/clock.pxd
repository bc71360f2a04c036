# cython: cdivision=True
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
    long long found         # the hold that `held_after` found last: most moments that follow each other are between the same two

cdef inline void end_hold(ScanClock *clock, double now) noexcept nogil:
    """It stands still no longer."""
    cdef Hold *hold = &clock.holds[clock.count % HOLDS_KEPT]
    hold.since, hold.before = clock.held_since, clock.held
    clock.count += 1
    clock.held += now - clock.held_since
    clock.held_since = -1

cdef inline double since(const ScanClock *clock, long long number) noexcept nogil:
    return clock.holds[number % HOLDS_KEPT].since

cdef inline bint is_first_after(const ScanClock *clock, long long number, double moment) noexcept nogil:
    cdef long long oldest = max(0, clock.count - HOLDS_KEPT)
    return oldest <= number < clock.count and since(clock, number) > moment \
        and (number == oldest or since(clock, number - 1) <= moment)

cdef inline double held_after(ScanClock *clock, double moment) noexcept nogil:
    """Seconds that holds took which began after that moment (monotonic), as far as they are kept: what was in flight then
    was waited for by nobody."""
    cdef long long last = clock.count, first = max(0, last - HOLDS_KEPT), middle
    if last == 0 or since(clock, last - 1) <= moment:
        return 0                # nearly always, where the reader of the output is quick
    if not is_first_after(clock, clock.found, moment):
        while first < last:
            middle = (first + last) // 2
            if since(clock, middle) > moment:
                last = middle
            else:
                first = middle + 1
        clock.found = first
    return clock.held - clock.holds[clock.found % HOLDS_KEPT].before

cdef inline double scan_time(const ScanClock *clock, double now) noexcept nogil:
    return (now if clock.held_since < 0 else clock.held_since) - clock.held
