"""How many queries may be in flight on one connection: found while responses come. Plain C, without a clock."""

cdef struct StreamWindow:
    int now                             # queries that may be in flight
    int most
    bint is_found                       # it is found while answers come; else it stays
    double threshold                    # window below which it doubles each round trip
    double credit                       # part of a query gained above it
    double rtt_least, rtt               # s: the least seen on this connection, and a moving mean

cdef inline void widen(StreamWindow *window, double rtt, double timeout_s) noexcept nogil:
    """Let the window grow while answers come and the queue at the server stays short (times in seconds)."""
    if rtt < window.rtt_least:
        window.rtt_least = rtt
    window.rtt = rtt if window.rtt == 0 else window.rtt + (rtt - window.rtt) / 8
    if not window.is_found:
        return
    if window.rtt > window.rtt_least + timeout_s / 4:
        window.now = max(window.now - 1, 1)
        window.threshold = window.now
    elif window.now < window.most and window.rtt < window.rtt_least + timeout_s / 8:
        if window.now < window.threshold:
            window.now += 1
        else:
            window.credit += 1.0 / window.now
            if window.credit >= 1:
                window.credit = 0
                window.now += 1
