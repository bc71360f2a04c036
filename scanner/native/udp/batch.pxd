"""Datagrams in batches: many for one call of the kernel (Linux)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from posix.time cimport timespec

from scanner.native.jobs.job cimport Query
from scanner.native.sockets cimport iovec, mmsghdr, sockaddr_in6
from scanner.native.udp.path cimport UdpPath

cdef enum:
    IN = 64                 # datagrams of one receiving call
    OUT = 256               # queries of one sending
    CONTROL = 64            # octets for what the kernel says beside a datagram
    DATAGRAM = 2048         # octets received of one; we say 1,232 (EDNS)
    MESSAGE_MAX = 608       # octets of our longest query, cookie and other options included

cdef enum Sent:
    SENT_ALL
    SENT_BUFFER_FULL        # of this machine: the rest may go later
    SENT_REFUSED            # by this machine, for the path of the first that was not sent

cdef class ReceiveBatch:
    cdef mmsghdr messages[IN]
    cdef iovec pieces[IN]
    cdef sockaddr_in6 sources[IN]
    cdef uint8_t *octets                # IN datagrams
    cdef uint8_t control[IN * CONTROL]  # what the kernel says beside each
    cdef double ahead                   # s: the machine's monotonic clock, less the turn's
    cdef double read_at                 # s, the turn's clock: when the last ones were read
    cdef timespec read_at_wall
    cdef double apart                   # s: the wall clock, less the kernel's: the least of this period and the last
    cdef double next_apart              # of this one
    cdef double renew_at                # s, the turn's clock: the next begins
    cdef int receive(self, int fd) noexcept nogil
    cdef uint32_t dropped(self, int index) noexcept nogil
    cdef double now(self) noexcept nogil
    cdef double came(self, int index) noexcept nogil
    cdef double waited(self, int index) noexcept nogil
    cdef const void *said(self, int index, int kind) noexcept nogil

cdef class SendBatch:
    cdef mmsghdr messages[OUT]
    cdef int first_of[OUT + 1]          # the first query of each message; behind the last, their count
    cdef int message_count
    cdef int done                       # messages that the kernel took
    cdef iovec pieces[OUT]
    cdef uint8_t *octets                # OUT queries of MESSAGE_MAX
    cdef uint16_t sizes[OUT]
    cdef Query *queries[OUT]
    cdef uint8_t control[OUT * 32]
    cdef bint gso                       # messages of one length to one address leave as one send
    cdef bint refused_once              # the message at `done` was refused once: that may be an earlier ICMP error

    cdef void arrange(self, UdpPath *paths, int path_count, bint connected, int count) noexcept nogil
    cdef Sent send(self, int fd) noexcept nogil
    cdef void sort(self, int count, int path_count) noexcept nogil
