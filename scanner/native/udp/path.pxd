"""A path of datagrams, as its engine sees it: its parts, its address, its cookie. Plain C: the engine works on these
without the GIL."""

from libc.stdint cimport int64_t, uint8_t

from scanner.native.limits cimport BucketState, available, token_after
from scanner.native.output.buffer cimport Span
from scanner.native.pacing.model cimport Pacing, may_send
from scanner.native.path cimport Habits, is_open
from scanner.native.round_trips cimport RoundTrips
from scanner.native.sockets cimport AF_INET6, sockaddr_in6
from scanner.native.tally cimport Counts

cdef enum:
    COOKIE_MAX = 44         # the option: 4 + 8 + 32 octets (RFC 7873 section 4)
    COOKIE_TROUBLE = 16     # points for one
    COOKIE_TROUBLE_MAX = 128    # then no cookie is sent or looked for, for a while
    AWAITING_MAX = 8        # queries that await a cookie, enough to give cookies a rest: nothing is sent beside so many

cdef enum:
    CASE_FAILURES_MAX = 3   # then the case of its answers is not looked at any more

cdef struct Cookie:
    uint8_t option[COOKIE_MAX]  # our COOKIE option as it is sent
    int size
    bint is_given           # the server gave us its half: an answer without is not its own
    int trouble             # points for what was wrong with it, less one for each that was right
    double rests_until      # s, monotonic: not sent before, where size is 0

cdef struct Company:        # the paths of one route
    int proven              # of them: have answered
    int sound               # of those: answer now, as of the last tick
    int leader              # sequential: the place in the list of the first that answers; -1 = none

cdef struct UdpPath:
    Habits *habits          # of the path's state
    Counts *counts          # the same
    BucketState *bucket     # the same
    int resolver            # its index in the configuration
    int *routes             # whose names are asked here: indexes in the configuration; the engine's memory
    int *ranks              # in each of these: its place in the list; the engine's memory
    int route_count
    bint moves_when_cut     # a response that a datagram cannot hold means that it is to be asked over TCP only
    int turn_of             # of these, whose job is taken next
    Span tags               # JSON of fields ns and p
    sockaddr_in6 address    # or a sockaddr_in in the same room
    unsigned int address_size
    bint v6
    int place               # in the engine's list of those with room, -1 = not there
    bint is_due             # it is in the ring of those that time brings room, as the one before the path `next_due`
    int next_due            # -1 = it is the last of its millisecond
    Pacing pacing
    RoundTrips trips
    Cookie cookie
    int awaiting            # queries whose answer came without the cookie: soon each has one, or goes to TCP
    double delivered        # share of its queries that are answered in good time, a moving mean
    double heard_at         # s, monotonic
    int64_t answered        # in all
    bint late               # something came from it, if only too late
    bint by_stream          # somebody forges its answers: asked over TCP only
    bint is_reported        # that, to the user
    int case_failures       # times that it changed the case of a name and no stream could be opened to it
    bint is_called_blind    # that it is taken in any case, to the user
    double stray_second     # s, monotonic: when the count began
    int stray_count

cdef int begin_path(UdpPath *path, str address, int port, int scope, const uint8_t *secret, double *spare) except -1
cdef void blame_cookie(Cookie *cookie, double now) noexcept nogil
cdef void resume_cookie(Cookie *cookie, double now) noexcept nogil
cdef bint cookie_fits(Cookie *cookie, const uint8_t *message, Py_ssize_t length, Py_ssize_t opt) noexcept nogil

cdef inline int key_size(const sockaddr_in6 *address) noexcept nogil:
    """Octets of a socket address that distinguish two: family, port and address."""
    return 24 if address.sin6_family == AF_INET6 else 8

cdef inline void see_delivery(UdpPath *path, bint is_delivered) noexcept nogil:
    """One more query was answered in good time, or not."""
    path.delivered += ((1 if is_delivered else 0) - path.delivered) / 64

cdef inline bint is_asked(const UdpPath *path) noexcept nogil:
    """By datagrams, now; its window and its rate aside."""
    return not path.by_stream and is_open(path.habits) and path.awaiting < AWAITING_MAX

cdef inline double room_after(UdpPath *path, double now) noexcept nogil:
    """Seconds until time alone brings it room; negative where that takes something else."""
    cdef double after = max(path.pacing.paused_until - now, token_after(path.bucket, now))
    if not is_asked(path) or path.pacing.in_flight >= path.pacing.size:
        return -1
    if path.pacing.pace > 0 and path.pacing.credit < 1:
        after = max(after, (1 - path.pacing.credit) / path.pacing.pace)
    return max(after, 0.0)

cdef inline bint has_room(UdpPath *path, double now) noexcept nogil:
    return may_send(&path.pacing, now) and is_asked(path) and available(path.bucket, now, 1) > 0
