"""A query in flight stands in three counts: the exchange's, its port's and its path's. `account` takes it out of the last
two; its caller ends the query in the exchange."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from scanner.native.jobs.job cimport Query, StreamCause
from scanner.native.message.response cimport Fit, Response
from scanner.native.sockets cimport sockaddr_in6
from scanner.native.tally cimport Tally
from scanner.native.udp.batch cimport ReceiveBatch
from scanner.native.udp.choice cimport PathChoice
from scanner.native.udp.path cimport UdpPath
from scanner.native.udp.ports cimport Port, Ports

cdef class DatagramReader(PathChoice):
    cdef readonly Ports ports
    cdef ReceiveBatch received
    cdef readonly Tally strangers       # what came from addresses that were not asked
    cdef int in_flight                  # queries that hold a place in their path's window
    cdef double limit                   # how many may: with each response one more, up to `slots`
    cdef double steep_until             # the same: from there on it grows slowly, since responses were dropped
    cdef int slots
    cdef readonly int64_t overruns      # responses that this machine dropped because it read too late. Any thread may read it
    cdef double before                  # s, monotonic: the turn before
    cdef int were_in_flight             # at its end
    cdef double came                    # s, monotonic: when the datagram came that is looked at

    cdef int drain(self, Port *port, double now) except -1 nogil
    cdef void warm(self, Port *port, int first, int behind) noexcept nogil
    cdef void see_overrun(self, Port *port, uint32_t dropped) noexcept nogil
    cdef bint message(self, Port *port, const uint8_t *message, Py_ssize_t length, sockaddr_in6 *source,
                      double now) except -1 nogil
    cdef int understand(self, Query *query, UdpPath *path, const uint8_t *message, Py_ssize_t length,
                        double now) except -1 nogil
    cdef void hear(self, Query *query, UdpPath *path, double now) noexcept nogil
    cdef void learn_from_many(self, Query *query, UdpPath *path) noexcept nogil
    cdef StreamCause doubt(self, Query *query, UdpPath *path, const uint8_t *message, const Response *response, Fit fit,
                           double now) noexcept nogil
    cdef int await_cookie(self, Query *query, UdpPath *path, double now) noexcept nogil
    cdef int to_stream(self, Query *query, StreamCause cause) except -1 nogil
    cdef int stray(self, Port *port, int message_id, Query *query, sockaddr_in6 *source, double now) except -1 nogil
    cdef int count_stray(self, UdpPath *path, double now) noexcept nogil
    cdef void drain_errors(self, Port *port, double now) noexcept nogil
    cdef void let_leave(self, Query *query, UdpPath *path, double now) noexcept nogil
    cdef void account(self, Query *query, UdpPath *path, double now) noexcept nogil
