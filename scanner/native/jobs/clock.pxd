"""The scan's clock of deadlines: monotonic seconds, less the time for which a slow reader of the output held everything
up, so that waiting for a reader never turns an answer into a timeout."""

cdef struct ScanClock:
    double held             # s: for which the scan stood still
    double held_since       # s, monotonic; < 0 = it does not stand still

cdef inline double scan_time(const ScanClock *clock, double now) noexcept nogil:
    return (now if clock.held_since < 0 else clock.held_since) - clock.held
