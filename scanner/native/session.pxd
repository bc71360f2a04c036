"""The session: what is in flight on one connection. Octets and `now` go in, octets and finished lines come out."""

from libc.stdint cimport uint8_t, uint16_t

from scanner.native.line cimport Text
from scanner.native.name cimport Name, Reason
from scanner.native.names cimport Aside, Names
from scanner.native.peer cimport Peer
from scanner.native.tally cimport Counts

cdef class Session:
    cdef Names names
    cdef Aside aside                    # where its names come from, None = names
    cdef readonly Peer peer
    cdef Counts *counts                 # of the peer
    cdef readonly int worker, exit, resolver
    cdef bytes tags                     # JSON of fields ns and p
    cdef Text tags_text                 # the same
    cdef double timeout_s
    cdef readonly int window            # queries that may be in flight
    cdef int window_max
    cdef bint auto                      # the window is found; else it stays
    cdef double threshold               # window below which it doubles each round trip
    cdef double credit                  # part of a query gained above it
    cdef double rtt_least, rtt          # s: the least seen here, and a moving mean
    cdef readonly int in_flight
    cdef readonly int sent, answered    # on this connection
    cdef readonly int silent            # times that attempts ran out since the last octet
    cdef readonly int strays            # messages that answered nothing
    cdef readonly bint smooth           # the window is full, nobody else waits, and there is room for lines
    cdef double heard_at                # s, monotonic: the last octet
    cdef readonly bint excused          # the connection's end was a name's doing, not the peer's
    cdef bint edns
    cdef Name **table                   # in flight, open addressing by message ID; NULL = empty
    cdef int mask                       # slots - 1; at most a quarter is used
    cdef uint8_t *tail                  # a frame whose rest has not come
    cdef Py_ssize_t tail_used, tail_room

    cdef int put(self, Name *name) except -1
    cdef void remove(self, int at) noexcept
    cdef int answer(self, const uint8_t *message, Py_ssize_t length, double now) except -1
    cdef int classify(self, Name *name, const uint8_t *message, Py_ssize_t length, double now) except -1
    cdef bint holds_suspect(self) noexcept
    cdef void widen(self, double rtt) noexcept
    cdef int keep(self, const uint8_t *octets, Py_ssize_t length) except -1
