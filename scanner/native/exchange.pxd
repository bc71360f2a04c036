"""The exchange: queries in flight by an opaque 64-bit key. It matches and expires; it sends nothing, reads no clock and
knows no framing.

A key is what the transport supplies: for a stream the connection's serial and the message ID, for a datagram the port's
serial and the message ID. Serials come from `serial`, so that a key of one carrier is never that of another.
"""

from libc.stdint cimport int64_t, uint8_t, uint64_t

from scanner.native.jobs.job cimport Job, Query
from scanner.native.memory cimport prefetch
from scanner.native.random cimport RandomPool, draw

cdef enum:
    WHEEL = 2048            # buckets; one turn of the wheel is 8 s

cdef struct Place:          # of the table
    uint64_t key
    Query *query            # NULL = empty

cdef struct QueryBlock:     # memory of queries; owned by the exchange, freed with it
    Query queries[256]
    QueryBlock *next

cdef class Exchange:
    cdef Place *table                   # open addressing; at most half of it is used
    cdef uint64_t mask                  # places - 1, a power of two less one
    cdef int shift                      # 64 - its bits
    cdef readonly int in_flight         # queries in the table, reserved keys included
    cdef QueryBlock *blocks
    cdef Query *free
    cdef Query *wheel[WHEEL]            # by the time of expiry; newest first
    cdef int64_t wheel_at               # the tick that is looked at next, -1 = none was yet
    cdef Query *cursor                  # where `next_expired` goes on in that tick's bucket
    cdef bint resumed                   # `cursor` is set
    cdef uint64_t serials               # given out
    cdef RandomPool random              # for message IDs and the case of letters
    cdef uint8_t *scratch               # messages on their way out of a stream; used inside one `fill` only
    cdef Py_ssize_t scratch_room
    cdef uint64_t *keys                 # of those messages; the same
    cdef int key_room
    cdef readonly double heard_at       # s, monotonic: the last response; 0 = none yet. Any thread may read it
    cdef readonly int64_t troubles      # attempts that failed since, and sockets that did not work. Any thread may read it

    cdef inline void heard(self, double now) noexcept nogil:
        """A response came that fits its query."""
        self.heard_at, self.troubles = now, 0

    cdef inline uint64_t serial(self) noexcept nogil:
        """A number for a new connection or port, in the place of a key's upper 48 bits."""
        self.serials += 1
        return self.serials << 16

    cdef inline Query *find(self, uint64_t key) noexcept nogil:
        """The query with this key, NULL = there is none."""
        cdef uint64_t at = (key * 0x9E3779B97F4A7C15ULL) >> self.shift
        while self.table[at].query is not NULL:
            if self.table[at].key == key:
                return self.table[at].query
            at = (at + 1) & self.mask
        return NULL

    cdef inline void prefetch_place(self, uint64_t key) noexcept nogil:
        """Have the key's place in the cache by the time that it is looked for."""
        prefetch(&self.table[(key * 0x9E3779B97F4A7C15ULL) >> self.shift])

    cdef inline uint64_t drawn_key(self, uint64_t serial) except 0 nogil:
        """A key with an unpredictable message ID."""
        cdef const uint8_t *drawn = draw(&self.random, 2)
        return serial | drawn[0] << 8 | drawn[1]

    cdef inline uint64_t free_key(self, uint64_t serial) except 0 nogil:
        """The same, of nothing that is in flight on this carrier."""
        cdef uint64_t key = self.drawn_key(serial)
        while self.find(key) is not NULL:
            key = self.drawn_key(serial)
        return key

    cdef Query *begin(self, Job *job, uint64_t key, double sent, double expires) except NULL nogil
    cdef void end(self, Query *query) noexcept nogil
    cdef void settle(self, Query *query) noexcept nogil
    cdef Query *next_expired(self, double clock) noexcept nogil
    cdef uint8_t *scratch_for(self, Py_ssize_t octets) except NULL nogil
    cdef uint64_t *keys_for(self, int count) except NULL nogil
    cdef int grow(self) except -1 nogil
    cdef void enter(self, uint64_t key, Query *query) noexcept nogil
    cdef void vacate(self, uint64_t key) noexcept nogil
    cdef void to_wheel(self, Query *query) noexcept nogil
    cdef void from_wheel(self, Query *query) noexcept nogil
