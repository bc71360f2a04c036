"""Source ports of datagrams: a few open sockets for each address family, each used for a while (RFC 5452 section 9.2)."""

from libc.stdint cimport uint8_t, uint32_t

from scanner.native.exchange cimport Exchange
from scanner.native.jobs.job cimport Channel

cdef enum:
    PORTS = 16              # in use at once, for each address family
    PORT_QUERIES = 1000     # after which a port is retired

cdef struct Port:           # one socket, so one source port; owned by Ports, used again when closed
    int fd                  # -1 = closed
    int slot                # in the list
    bint v6
    bint retired            # sends no more; closed when nothing is in flight
    double born             # s, monotonic
    int sent
    uint32_t dropped        # responses for which its buffer had no room
    Channel channel         # its queries in flight
    Port *next_free
    uint8_t over[8192]      # a bit for each message ID: no longer in flight, one more response to it may come
    uint8_t given_up[8192]  # the same: none had come to it when its attempt ended

cdef struct PortFamily:     # IPv4 or IPv6
    Port *ports[PORTS]      # those in use
    int count
    double open_after       # s, monotonic: none is opened before, after one that could not be

cdef class Ports:
    cdef Exchange exchange
    cdef object open_port   # opens a socket of a family
    cdef object peer        # address that each is connected to, None = none is
    cdef Port **all         # by slot
    cdef int count
    cdef Port *free
    cdef PortFamily families[2]
    cdef int poll           # the epoll descriptor, -1 = closed
    cdef readonly int trouble   # errno of the last socket that could not be opened, 0 = the last one could

    cdef void close_all(self) noexcept
    cdef bint is_connected(self) noexcept nogil
    cdef Port *choose(self, int family, double now) except? NULL nogil
    cdef int age(self, double now) noexcept nogil
    cdef void let_go(self, Port *port) noexcept nogil
    cdef void retire(self, Port *port) noexcept nogil
    cdef Port *least_used(self, int family) noexcept nogil
    cdef int opened(self, bint v6) except -2 with gil
    cdef Port *begin(self, int fd, int family, double now) except? NULL nogil
    cdef void shut(self, Port *port) noexcept nogil

cdef inline void mark(uint8_t *bits, int message_id) noexcept nogil:
    bits[message_id >> 3] |= 1 << (message_id & 7)

cdef inline bint unmark(uint8_t *bits, int message_id) noexcept nogil:
    """True when it was marked."""
    cdef bint was = bits[message_id >> 3] >> (message_id & 7) & 1
    bits[message_id >> 3] &= ~(1 << (message_id & 7))
    return was
