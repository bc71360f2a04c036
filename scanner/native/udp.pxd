"""The second body of the heart: queries as datagrams, a slot for each, one epoll for all sockets (Linux).

A name in flight stands in three places: its port's table (by message ID), the wheel (by the time its attempt ends) and
its server's count. `leave` takes it out of all three.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from scanner.native.names cimport Name, Names
from scanner.native.session cimport Peer
from scanner.native.sockets cimport iovec, mmsghdr, sockaddr_in6

cdef enum:
    PORTS = 16              # source ports in use at once, for each address family
    PORT_QUERIES = 1000     # after which a port is retired (RFC 5452 section 9.2)
    IDS = 4096              # places of a port's table; PORT_QUERIES fill a quarter
    WHEEL = 2048            # buckets; one turn of the wheel is 8 s
    BATCH = 64              # datagrams of one receiving call
    OUT = 256               # queries of one sending
    DATAGRAM = 2048         # octets received of one; we say 1,232 (EDNS)
    QUERY_MAX = 352         # octets of our longest query, cookie included
    COOKIE_MAX = 44         # the option: 4 + 8 + 32 octets (RFC 7873 section 4)

cdef class Port:            # one socket, so one source port
    cdef object sock
    cdef int fd, slot
    cdef bint v6
    cdef bint retired       # sends no more; closed when nothing is in flight
    cdef double born        # s, monotonic
    cdef int sent, in_flight
    cdef Name *table[IDS]   # in flight, open addressing by message ID; NULL = empty
    cdef Name *find(self, int message_id) noexcept
    cdef void put(self, Name *name) noexcept
    cdef void remove(self, int message_id) noexcept

cdef class Server:          # one resolver, reached by datagrams
    cdef readonly Peer peer
    cdef readonly int index             # of the resolver, in the scan's list
    cdef bytes tags                     # JSON of fields ns and p
    cdef sockaddr_in6 address           # or a sockaddr_in in the same room
    cdef unsigned int address_size
    cdef tuple where                    # the same for Python's sockets
    cdef bint v6
    cdef int place                      # in the engine's list of those with room, -1 = not there
    cdef readonly int in_flight
    cdef readonly double window         # queries that may be in flight, at least 1
    cdef double threshold               # window below which it doubles
    cdef uint16_t lap                   # the round being counted, from 1
    cdef int lap_target, lap_sent, lap_answered, lap_lost
    cdef double lap_full                # s, monotonic: when its last query left
    cdef double share, before           # of the last round: lost ones; the window before it was halved; 0 = was not
    cdef readonly double baseline       # share of names that never answer, whatever the window
    cdef double rtt, rtt_least          # s
    cdef double heard_at                # s, monotonic
    cdef readonly int64_t answered      # in all
    cdef bint late                      # something came from it, if only when nobody waited any more
    cdef double paused_until            # s, monotonic: silent or unreachable
    cdef int silences                   # rounds in a row that nothing came back
    cdef uint8_t option[COOKIE_MAX]     # our COOKIE option as it is sent
    cdef int option_size
    cdef bint cookies                   # it gave us one: an answer without is not its own
    cdef readonly bint stream           # somebody forges its answers: asked over TCP only
    cdef double stray_second            # s, monotonic: when the count began
    cdef int stray_count
    cdef bint room(self, double now) noexcept
    cdef void heard(self, Name *name, double now) noexcept
    cdef void judge_lap(self, double now, double timeout_s) noexcept
    cdef void fell_silent(self, double now) noexcept
    cdef bint cookie_fits(self, const uint8_t *message, Py_ssize_t length, Py_ssize_t opt) noexcept

cdef class Engine:
    cdef Names names
    cdef readonly list servers
    cdef object by_address              # octets of an address -> Server
    cdef list ports                     # Port by slot, None = free
    cdef list current                   # the PORTS in use, by family: [v4, v6]
    cdef list free_slots
    cdef int index_base                 # resolver index of the first server; they follow one another
    cdef int refused_once               # the message whose sending failed once, -1 = none
    cdef object open_port               # opens a socket of a family
    cdef int poll
    cdef double timeout_s, rtt          # s; rtt: a moving mean over all servers
    cdef int proven                     # servers that have answered
    cdef int sound                      # those of them that answer now, as of the last tick
    cdef readonly int slots, in_flight
    cdef int policy, turn_of
    cdef bint single                    # one server: ports are connected to it
    cdef bint gso, case, closed
    cdef int *with_room[2]              # indexes of servers with room, by family
    cdef int with_room_count[2]
    cdef Name *held                     # taken, but the socket's buffer was full
    cdef double wait_until              # s, monotonic: no sending before, after a full buffer
    cdef Name *wheel[WHEEL]
    cdef int64_t wheel_at               # the tick that is looked at next
    cdef readonly int64_t truncated, case_lost, unreachable
    cdef list streams                   # servers that are asked over TCP only, because somebody forges their answers
    cdef list moved                     # those of them not yet told
    cdef mmsghdr in_messages[BATCH]
    cdef iovec in_pieces[BATCH]
    cdef sockaddr_in6 in_addresses[BATCH]
    cdef uint8_t *in_octets
    cdef mmsghdr out_messages[OUT]
    cdef iovec out_pieces[OUT]
    cdef uint8_t *out_octets            # OUT queries of QUERY_MAX
    cdef uint16_t out_sizes[OUT]
    cdef Name *out_names[OUT]
    cdef uint8_t out_control[OUT * 32]

    cdef int age(self, Port port, double now) except -1
    cdef int drain(self, Port port, double now) except -1
    cdef int message(self, Port port, const uint8_t *message, Py_ssize_t length, sockaddr_in6 *source, double now) except -1
    cdef int stray(self, Name *name, sockaddr_in6 *source, double now) except -1
    cdef int drain_errors(self, Port port, double now) except -1
    cdef int expire(self, double now) except -1
    cdef int fill(self, double now) except -1
    cdef bint unproven(self, Server server) noexcept
    cdef bint doubtful(self, Server server) noexcept
    cdef int ask_streams(self, double now) except -1
    cdef int gather(self, Port port, int most, double now) except -1
    cdef Server pick(self, int family, double now)
    cdef Name *next_name(self, Server server, double now) except? NULL
    cdef int write(self, int at, Name *name, Server server) except -1
    cdef int ship(self, Port port, int count, double now) except -1
    cdef int segments(self, Port port, int count, int *message_of) except -1
    cdef int unsent(self, Port port, int first, int count, double now) except -1
    cdef void leave(self, Name *name) noexcept
    cdef void to_wheel(self, Name *name) noexcept
    cdef void from_wheel(self, Name *name) noexcept
    cdef void consider(self, Server server, double now) noexcept
    cdef void shut(self, Server server) noexcept
    cdef Port port_for(self, int family, double now)
    cdef int free_slot(self) except -1
    cdef int close_port(self, Port port) except -1
