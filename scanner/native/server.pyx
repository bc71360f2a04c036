# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""How a resolver's window is found, round by round, and how its cookie is kept (RFC 7873)."""

import socket

from libc.math cimport sqrt
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy, memset

from scanner.native.sockets cimport AF_INET, AF_INET6, sockaddr_in

DEF WINDOW_FIRST = 16.0         # a resolver begins with this many
DEF LAP_LEAST = 8               # queries of the shortest round
DEF LAP_PATIENCE_S = 0.05       # a query of a round counts as lost after this and four round trips
DEF MARGIN = 0.05               # of lost queries above the baseline and its noise: then the window is too large
DEF SIGMAS = 2.5
DEF QUEUE_S = 0.002             # of waiting beyond twice the shortest round trip
DEF PAUSE_FIRST_S = 0.5         # after a second silent round, doubled with each further one
DEF PAUSE_MAX_S = 60.0


cdef int set_up(Server *server, int index, str address, int port, int scope, const uint8_t *secret) except -1:
    """A server that has not been asked yet, in zeroed memory. `secret`: 8 octets, the client's half of its cookie."""
    cdef bytes octets = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    cdef sockaddr_in *v4 = <sockaddr_in *>&server.address
    server.index = index
    server.v6 = len(octets) == 16
    v4.sin_port = socket.htons(port)        # the same place in both
    if server.v6:
        server.address.sin6_family = AF_INET6
        server.address.sin6_scope_id = scope
        memcpy(&server.address.sin6_addr, <const uint8_t *>octets, 16)
        server.address_size = sizeof(server.address)
    else:
        v4.sin_family = AF_INET
        memcpy(<uint8_t *>v4 + 4, <const uint8_t *>octets, 4)
        server.address_size = sizeof(v4[0])
    server.place = -1
    server.window = WINDOW_FIRST
    server.threshold = 1e9
    server.lap = 1
    server.lap_target = LAP_LEAST
    server.rtt_least = server.lap_least = 1e9
    server.credit_at = -1
    memcpy(server.option, b"\x00\x0a\x00\x08", 4)   # COOKIE, the client's half: one a server (RFC 7873 section 4.1)
    memcpy(server.option + 4, secret, 8)
    server.option_size = 12
    return 0


cdef void judge_lap(Server *server, double now, double timeout_s) noexcept nogil:
    """A round of the window: grow while nothing is lost beyond the baseline, else halve. When a smaller window loses
    as large a share, the names or the path are to blame and not the rate: that share is the baseline."""
    cdef double share, noise
    if server.lap_sent < server.lap_target:
        return
    if server.lap_answered + server.lap_lost < server.lap_target and now - server.lap_full < 4 * server.rtt + LAP_PATIENCE_S:
        return
    share = 1 - <double>server.lap_answered / server.lap_target
    noise = SIGMAS * sqrt(max(share * (1 - share), 1.0 / server.lap_target) / server.lap_target)
    if server.lap_answered == 0:
        fell_silent(server, now)
    elif server.before and share >= server.share - noise:
        server.baseline, server.window = (share + server.share) / 2, server.before
        server.threshold, server.before = 1e9, 0
    elif share > server.baseline + MARGIN + noise:
        server.share, server.before = share, server.window
        server.window = server.threshold = max(server.window / 2, 1.0)
    else:
        server.before = 0
        server.baseline += (min(share, server.baseline) - server.baseline) / 16
        if server.rtt > server.rtt_least + timeout_s / 4:
            server.window = server.threshold = max(server.window * 0.75, 1.0)
        elif server.rtt < server.rtt_least + timeout_s / 8:
            if server.window < server.threshold and server.lap_least < 2 * server.rtt_least + QUEUE_S:
                server.window += server.lap_target
            else:                               # where loss began once, or a queue builds up
                server.window += 1 + server.window / 256
    server.lap = server.lap % 65535 + 1
    server.lap_target = <int>max(min(server.window, 4096.0), LAP_LEAST)
    server.lap_sent = server.lap_answered = server.lap_lost = 0
    server.lap_least = 1e9


cdef void fell_silent(Server *server, double now) noexcept nogil:
    """A whole round without an answer: feel with few queries, then with pauses between them. When it answers again, it
    is soon asked half as much as before."""
    server.silences += 1
    if server.silences == 1:
        server.threshold = max(server.window / 2, 1.0)
    server.window = max(server.window / 8, 1.0)
    server.before = 0
    if server.silences > 1:
        server.counts.pauses += 1
        server.paused_until = now + min(PAUSE_MAX_S, PAUSE_FIRST_S * (1 << min(server.silences - 2, 10)))


cdef bint cookie_fits(Server *server, const uint8_t *message, Py_ssize_t length, Py_ssize_t opt) noexcept nogil:
    """False when the answer lacks the cookie that its server gives. Keeps the server's half (RFC 7873 section 5.3)."""
    cdef Py_ssize_t at = opt + 2, end, size
    if opt == 0:
        return not server.cookies
    end = opt + 2 + (message[opt] << 8 | message[opt + 1])
    while at + 4 <= end:
        size = message[at + 2] << 8 | message[at + 3]
        if at + 4 + size > end:
            break
        if message[at] == 0 and message[at + 1] == 10 and 8 <= size <= COOKIE_MAX - 4:
            if memcmp(message + at + 4, server.option + 4, 8) != 0:
                return False
            if size >= 16:
                memcpy(server.option, message + at, 4 + size)
                server.option_size = <int>(4 + size)
                server.cookies = True
            return True
        at += 4 + size
    return not server.cookies
