"""One resolver reached by datagrams: its address, its window, and what it has shown of itself. Plain C: the UDP engine
works on these without the GIL."""

from libc.stdint cimport int64_t, uint8_t, uint16_t

from scanner.native.line cimport Text
from scanner.native.name cimport Name
from scanner.native.peer cimport Manners, granted
from scanner.native.sockets cimport AF_INET6, sockaddr_in6
from scanner.native.tally cimport Counts, count_answer

cdef enum:
    COOKIE_MAX = 44         # the option: 4 + 8 + 32 octets (RFC 7873 section 4)
    BURST = 64              # queries of one turn, beside two for each answer in it: what was lost together is asked again,
                            # but not at once, or the same buffer would be full again

cdef struct Server:
    Manners *manners        # its bucket and habits, shared with the streams to it
    Counts *counts          # of its queries, shared with the streams to it
    int index               # of the resolver, in the scan's list
    Text tags               # JSON of fields ns and p
    sockaddr_in6 address    # or a sockaddr_in in the same room
    unsigned int address_size
    bint v6
    int place               # in the engine's list of those with room, -1 = not there
    int in_flight
    double window           # queries that may be in flight, at least 1
    double threshold        # window below which it doubles
    double credit_at        # s, monotonic: the present turn
    int credit              # queries that may yet leave in it
    uint16_t lap            # the round being counted, from 1
    int lap_target, lap_sent, lap_answered, lap_lost
    double lap_full         # s, monotonic: when its last query left
    double share, before    # of the last round: lost ones; the window before it was halved; 0 = was not
    double baseline         # share of names that never answer, whatever the window
    double rtt              # s, a moving mean
    double rtt_least, lap_least     # s: of all; of this round, which a busy machine disturbs less than the mean
    double heard_at         # s, monotonic
    int64_t answered        # in all
    bint late               # something came from it, if only when nobody waited any more
    double paused_until     # s, monotonic: silent or unreachable
    int silences            # rounds in a row that nothing came back
    uint8_t option[COOKIE_MAX]  # our COOKIE option as it is sent
    int option_size
    bint cookies            # it gave us one: an answer without is not its own
    bint stream             # somebody forges its answers: asked over TCP only
    bint told               # that, to the user
    double stray_second     # s, monotonic: when the count began
    int stray_count

cdef int set_up(Server *server, int index, str address, int port, int scope, const uint8_t *secret) except -1
cdef void judge_lap(Server *server, double now, double timeout_s) noexcept nogil
cdef bint cookie_fits(Server *server, const uint8_t *message, Py_ssize_t length, Py_ssize_t opt) noexcept nogil

cdef inline int key_size(const sockaddr_in6 *address) noexcept nogil:
    """Octets of a socket address that tell two apart: family, port and address."""
    return 24 if address.sin6_family == AF_INET6 else 8

cdef inline int credit_now(Server *server, double now) noexcept nogil:
    if server.credit_at != now:
        server.credit_at, server.credit = now, BURST
    return server.credit

cdef inline bint has_room(Server *server, double now) noexcept nogil:
    return (server.in_flight < server.window and now >= server.paused_until and not server.stream
            and credit_now(server, now) > 0 and granted(server.manners, now, 1) > 0)

cdef inline void hear(Server *server, Name *name, double now) noexcept nogil:
    """An answer that fits came."""
    cdef double rtt = now - name.sent
    count_answer(server.counts, rtt)
    server.credit = credit_now(server, now) + 2
    server.answered += 1
    server.heard_at = now
    server.silences = 0
    server.paused_until = 0
    server.rtt_least = min(server.rtt_least, rtt)
    server.rtt = rtt if server.rtt == 0 else server.rtt + (rtt - server.rtt) / 8
    if name.lap == server.lap:
        server.lap_answered += 1
        server.lap_least = min(server.lap_least, rtt)
