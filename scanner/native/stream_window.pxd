"""How many queries may be in flight on one connection: found while responses come. Plain C, without a clock.

Up to WINDOW_NEAR of them as long as the queue at the server is short; more only on a long way, where many are needed to fill
it, and only while they bring no queue at all.
"""

cdef enum:
    WINDOW_NEAR = 64        # beyond it nothing more was gained on a short way
    WINDOW_FAR = 1024
    FAR_MS = 5              # least round trip of a long way

cdef struct StreamWindow:
    int now                             # queries that may be in flight
    int fixed                           # always as many; 0 = it is found while answers come
    double threshold                    # window below which it doubles each round trip
    double credit                       # part of a query gained above it
    double rtt_least, rtt               # s: the least seen on this connection, and a moving mean

cdef inline void widen(StreamWindow *window, double rtt, double timeout_s) noexcept nogil:
    """Let the window grow while answers come and the queue at the server stays short (times in seconds)."""
    if rtt < window.rtt_least:
        window.rtt_least = rtt
    window.rtt = rtt if window.rtt == 0 else window.rtt + (rtt - window.rtt) / 8
    if window.fixed:
        return
    if window.now > WINDOW_NEAR and window.rtt > 1.5 * window.rtt_least:
        window.now -= 1
        window.threshold = window.now
    elif window.rtt > window.rtt_least + timeout_s / 4:
        window.now = max(window.now - 1, 1)
        window.threshold = window.now
    elif window.now < WINDOW_NEAR:
        if window.rtt < window.rtt_least + timeout_s / 8:
            grow_window(window)
    elif window.now < WINDOW_FAR and 1000 * window.rtt_least >= FAR_MS and window.rtt < 1.25 * window.rtt_least:
        grow_window(window)

cdef inline void grow_window(StreamWindow *window) noexcept nogil:
    """By one for each response below the threshold, and above it by one a round trip."""
    if window.now < window.threshold:
        window.now += 1
        return
    window.credit += 1.0 / window.now
    if window.credit >= 1:
        window.credit = 0
        window.now += 1
