"""The exchange: queries in flight by an opaque 64-bit key. It matches and expires; it sends nothing, reads no clock and
knows no framing.

A key is what the transport says, and is one channel's: of a TCP connection or a UDP port the message ID. A channel's table
is small and dense, so that the responses that come together find it in the processor's cache (one table for all channels
was tried: 0.03 us a name more with 6,400 in flight).
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t

from scanner.native.jobs.job cimport Channel, Job, Query
from scanner.native.random cimport RandomPool, draw

cdef enum:
    WHEEL = 2048            # buckets; one turn of the wheel is 4 s
    IN_LINE = 65535         # in place of a bucket: the query is in the line

cdef inline Query *find(const Channel *channel, uint64_t key) noexcept nogil:
    """The query with this key, NULL = there is none."""
    cdef uint64_t at = key & channel.mask
    if channel.in_flight == 0:
        return NULL
    while channel.places[at] is not NULL:
        if channel.places[at].key == key:
            return channel.places[at]
        at = (at + 1) & channel.mask
    return NULL

cdef struct QueryBlock:     # memory of queries; owned by the exchange, freed with it
    Query queries[256]
    QueryBlock *next

cdef class Exchange:
    cdef readonly int in_flight         # queries of all channels, reserved keys included. Any thread may read it
    cdef QueryBlock *blocks
    cdef Query *free
    cdef Query *wheel[WHEEL]            # by the time of expiry; newest first
    cdef int64_t wheel_at               # the tick that is looked at next, -1 = none was yet
    cdef Query *cursor                  # where `next_expired` goes on in that tick's bucket
    cdef bint resumed                   # `cursor` is set
    cdef Query *line_first              # the line of those whose names are to be asked again while they are in flight;
    cdef Query *line_last               # they are not in the wheel
    cdef RandomPool random              # for message IDs and the case of letters
    cdef uint8_t *scratch               # messages on their way out of a stream; used inside one `fill` only
    cdef Py_ssize_t scratch_room
    cdef readonly double heard_at       # s, monotonic: the last response; 0 = none yet. Any thread may read it
    cdef readonly int64_t troubles      # attempts that failed since, and sockets that did not work. Any thread may read it

    cdef inline void heard(self, double now) noexcept nogil:
        """A response came that fits its query."""
        self.heard_at, self.troubles = now, 0

    cdef inline uint16_t free_id(self, const Channel *channel) except? 0 nogil:
        """An unpredictable message ID that nothing in flight on this channel has."""
        cdef const uint8_t *drawn = draw(&self.random, 2)
        while find(channel, drawn[0] << 8 | drawn[1]) is not NULL:
            drawn = draw(&self.random, 2)
        return drawn[0] << 8 | drawn[1]

    cdef Query *begin(self, Job *job, Channel *channel, uint64_t key, double sent, double expires) except NULL nogil
    cdef void end(self, Query *query) noexcept nogil
    cdef void settle(self, Query *query) noexcept nogil
    cdef void hasten(self, Query *query, double expires) noexcept nogil
    cdef void look_again(self, Query *query, double at) noexcept nogil
    cdef void line_up(self, Query *query) noexcept nogil
    cdef void end_line(self, double clock) noexcept nogil
    cdef Query *next_expired(self, double clock) noexcept nogil
    cdef uint8_t *scratch_for(self, Py_ssize_t octets) except NULL nogil
    cdef void to_wheel(self, Query *query) noexcept nogil
    cdef void from_wheel(self, Query *query) noexcept nogil
