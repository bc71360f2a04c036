"""The second body of the heart: queries as datagrams, a slot for each, one epoll for all sockets (Linux).

A name in flight stands in three places: its port's table (by message ID), the wheel (by the time its attempt ends) and
its server's count. `leave` takes it out of all three. No Python object is touched but to open a port or to read a line
that is no plain name.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t

from scanner.native.dice cimport Dice
from scanner.native.name cimport Name
from scanner.native.names cimport Names
from scanner.native.server cimport Server
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

cdef struct Port:           # one socket, so one source port; owned by the engine, used again when closed
    int fd                  # -1 = closed
    int slot                # in the engine's list
    bint v6
    bint retired            # sends no more; closed when nothing is in flight
    double born             # s, monotonic
    int sent, in_flight
    Port *next_free
    Name *table[IDS]        # in flight, open addressing by message ID; NULL = empty
    uint8_t over[8192]      # a bit for each message ID: no longer in flight, one more answer to it may come

cdef struct Family:         # IPv4 or IPv6
    Port *ports[PORTS]      # those in use
    int port_count
    double open_after       # s, monotonic: none is opened before, after one that could not be
    int *with_room          # places of servers with room
    int with_room_count

cdef class Engine:
    cdef Names names
    cdef list targets                   # what `servers` was made of, kept alive
    cdef Server *servers
    cdef int server_count
    cdef Server **by_address            # the same, sorted
    cdef Port **ports                   # by slot
    cdef int port_count
    cdef Port *free_ports
    cdef Family families[2]
    cdef int index_base                 # resolver index of the first server; they follow one another
    cdef int refused_once               # the message whose sending failed once, -1 = none
    cdef object open_port               # opens a socket of a family
    cdef readonly object port_trouble   # the last OSError of that, None = there was none
    cdef Dice dice
    cdef int poll                       # the epoll descriptor
    cdef double timeout_s, rtt          # s; rtt: a moving mean over all servers
    cdef int proven                     # servers that have answered
    cdef int sound                      # those of them that answer now, as of the last tick
    cdef readonly int slots, in_flight
    cdef readonly int limit             # of them that may be used now: no more than bring more answers (`weigh`)
    cdef bint full                      # the limit was reached since it was weighed
    cdef bint tried                     # the limit was doubled, to see what that brings
    cdef int proved                     # the limit before that
    cdef int rest, pause                # weighings until the next try; after the last one that brought nothing
    cdef double weighed_at, speed       # s, monotonic; answers a second below the limit that is being tried
    cdef int64_t answers, answers_then  # of datagrams; at the last weighing
    cdef int policy, turn_of
    cdef bint single                    # one server: ports are connected to it
    cdef bint gso, case, closed
    cdef Name *held                     # taken, but the socket's buffer was full
    cdef double wait_until              # s, monotonic: no sending before, after a full buffer
    cdef Name *wheel[WHEEL]
    cdef int64_t wheel_at               # the tick that is looked at next
    cdef readonly int64_t truncated, case_lost, unreachable
    cdef int forged                     # servers that are asked over TCP only
    cdef public int stream_room         # names that may yet be put aside for those
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

    cdef Server *server_of(self, Name *name) noexcept nogil
    cdef Server *server_at(self, sockaddr_in6 *address) noexcept nogil
    cdef int step(self, double now) except -1 nogil
    cdef void age(self, Port *port, double now) noexcept nogil
    cdef int drain(self, Port *port, double now) except -1 nogil
    cdef bint message(self, Port *port, const uint8_t *message, Py_ssize_t length, sockaddr_in6 *source, double now) except -1 nogil
    cdef int stray(self, Port *port, int message_id, Name *name, sockaddr_in6 *source, double now) except -1 nogil
    cdef void drain_errors(self, Port *port, double now) noexcept nogil
    cdef int expire(self, double now) except -1 nogil
    cdef int fill(self, double now) except -1 nogil
    cdef bint unproven(self, Server *server) noexcept nogil
    cdef bint doubtful(self, Server *server) noexcept nogil
    cdef void weigh(self, double now) noexcept nogil
    cdef int ask_streams(self, double now) except -1 nogil
    cdef int gather(self, Port *port, int most, double now) except -1 nogil
    cdef int enter(self, Port *port, Name *name, Server *server, int at, double now) except -1 nogil
    cdef Server *pick(self, Family *family, double now) except? NULL nogil
    cdef bint next_name(self, Name **taken, Server *server, double now) except -1 nogil
    cdef int write(self, int at, Name *name, Server *server) except -1 nogil
    cdef int ship(self, Port *port, int count, double now) noexcept nogil
    cdef int segments(self, int count, int *message_of) noexcept nogil
    cdef void by_length(self, int count) noexcept nogil
    cdef int unsent(self, int first, int count, double now) noexcept nogil
    cdef void leave(self, Name *name) noexcept nogil
    cdef void to_wheel(self, Name *name) noexcept nogil
    cdef void from_wheel(self, Name *name) noexcept nogil
    cdef void consider(self, Server *server, double now) noexcept nogil
    cdef void shut(self, Server *server) noexcept nogil
    cdef int port_for(self, Port **found, int family, double now) except -1 nogil
    cdef int opened(self, bint v6) except -2 with gil
    cdef int new_port(self, Port **found, int fd, int family, double now) except -1 nogil
    cdef void retire(self, Port *port) noexcept nogil
    cdef void close_port(self, Port *port) noexcept nogil
