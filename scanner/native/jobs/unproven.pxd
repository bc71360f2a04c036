"""Lines that are finished and not written yet: the resolver that answered has to pass its next canaries first. Where it does
not, their jobs are asked again.

A line is kept with what its job needs to be asked once more, in chunks, by the resolver: those of one leave in the order in
which they came. So what is kept is as long as its octets, and nothing is looked for.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.jobs.slots cimport JobSlots
from scanner.native.output.buffer cimport Span
from scanner.native.output.writer cimport LineWriter
from scanner.native.verdict cimport Reason, Verdict

cdef struct Kept:           # a line; behind it: the qname, the octets of the line, up to the next multiple of 8
    double at               # s, monotonic: when it was answered
    char *texts             # JSON texts of `d` and `m`, as in Job; owned (malloc'd)
    int64_t line
    uint32_t size           # octets, with what is behind it
    uint32_t length         # of the line, 0 = --only leaves it out
    uint32_t d_length, m_length
    uint16_t qtype, type_index
    uint8_t verdict, reason
    uint8_t written, dot, second, uncompared
    uint8_t qname_length

cdef struct Chunk:          # malloc'd; octets behind it
    Chunk *next
    Py_ssize_t at, end      # of what is kept
    Py_ssize_t room

cdef struct Chain:
    Chunk *first
    Chunk *last

cdef struct Pile:           # the lines that one resolver answered
    Chain chain
    int64_t put             # ever. Any thread may read it
    int64_t proven          # the first so many may be written. The same
    int64_t left            # the first so many are not here any more
    bint exempt             # what it says needs no proof: its lines are not kept
    bint asked              # it has its canaries now: no line gets too old
    Pile *next_open         # the next that has lines to be written; itself = the last of them, NULL = it has none

cdef class Unproven:
    cdef LineWriter writer
    cdef Books books
    cdef JobSlots slots
    cdef Pile *piles                    # by resolver index
    cdef int resolvers                  # others need no proof
    cdef double window_s                # after which a line is written in any case
    cdef Py_ssize_t most                # octets at which no further names are begun
    cdef readonly Py_ssize_t octets     # that are kept. Any thread
    cdef readonly int64_t count         # lines, and jobs that are to be asked again. The same
    cdef readonly int64_t again_count   # of them: jobs that are to be asked again
    cdef Chain again                    # these
    cdef Pile *open                     # lines of these may be written

    cdef inline bint judges(self, int resolver) noexcept nogil:
        """What it says waits for its canaries."""
        return 0 <= resolver < self.resolvers and not self.piles[resolver].exempt

    cdef inline bint full(self) noexcept nogil:
        return self.octets >= self.most

    cdef int keep(self, Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                  double now) except -1 nogil
    cdef uint8_t *room_for(self, Pile *pile, Py_ssize_t size) except NULL nogil
    cdef int used_up(self, Chain *chain, uint32_t size) noexcept nogil
    cdef int write_first(self, Pile *pile) except -1 nogil
    cdef void open_up(self, Pile *pile) noexcept nogil
    cdef int let_out(self, double now) except -1 nogil
    cdef bint is_old(self, const Pile *pile, const Kept *kept, double now) noexcept nogil
    cdef void age(self, double now) noexcept nogil
    cdef void prove(self, int resolver, int64_t until) noexcept nogil
    cdef int doubt(self, int resolver) except -1 nogil
    cdef Job *recall(self) except NULL nogil
    cdef int64_t drop_again(self) noexcept nogil

cdef inline Kept *first_of(const Chain *chain) noexcept nogil:
    """NULL where nothing is kept."""
    return NULL if chain.first is NULL else <Kept *>(<uint8_t *>(chain.first + 1) + chain.first.at)
