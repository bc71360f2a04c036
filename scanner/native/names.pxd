"""The names between input and output: cut from chunks, lent to sessions, given back to be tried again, or finished.

Clocks. `now` is monotonic seconds, less those for which the process did not run (clock.pyx). Deadlines are on the scan's
clock: `now` less the time for which a slow reader of the output held everything up, so that waiting for a reader never
turns an answer into a timeout.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t

from scanner.native.answered cimport Answered
from scanner.native.line cimport Lines, Text
from scanner.native.name cimport Name, Queue, Reason, Verdict
from scanner.native.spool cimport Spool
from scanner.native.wire cimport Response

cdef enum:
    LINE_MAX = 4096         # octets of an input line (CONTRACT section 5)
    TYPES_MAX = 32
    BLOCK = 256             # names allocated at once

cdef struct Side:           # names that only a stream to one resolver may ask again: a datagram could not hold the response
    Queue waiting
    bint told               # `newly_aside` has named the resolver

cdef class Aside:
    """One resolver's Side of Names, for a crew and its session."""
    cdef Names names
    cdef int index          # of the resolver
    cdef Name *next(self) noexcept

cdef struct Block:          # of the pool; owned by Names, freed with it
    Block *next
    Name names[BLOCK]

cdef class Names:
    cdef readonly Lines lines
    cdef object judge, room_made        # called for a line that is not plain; when a chunk is used up
    cdef object chunks                  # deque[(bytes, lines before it or -1 = it goes on)]: bounded by the source
    cdef bytes chunk                    # the one being cut
    cdef const uint8_t *at              # cursor in `chunk`
    cdef const uint8_t *chunk_end
    cdef int64_t begun                  # octets of all chunks that were begun, the present one included
    cdef uint8_t carry[4098]            # the head of a line whose end is in a later chunk
    cdef Py_ssize_t carried             # its octets; LINE_MAX + 1 = too long, the rest is dropped
    cdef const uint8_t *line_octets     # the line just cut
    cdef Py_ssize_t line_length
    cdef bint ending                    # an empty chunk, the last, stands in `chunks`
    cdef readonly bint ended            # no chunk will come any more
    cdef bint special                   # special-use names are not sent

    cdef uint8_t qname[256]             # the present line's name, while its types are handed out
    cdef int qname_length
    cdef bytes d                        # the line's JSON text, where it is not the name's own
    cdef Py_ssize_t d_length            # its octets, -1 = none
    cdef bint dot
    cdef bint at_name                   # a type of it is still to be handed out
    cdef int type_at                    # which
    cdef uint16_t types[32]
    cdef int type_count
    cdef list type_tags                 # `,"t":"NS"` by type index, or empty
    cdef Text tags[32]                  # the same
    cdef Name *newest[32]               # last one taken of each type, while it lives: sorted input asks once

    cdef Answered answered              # lines that have their result from an earlier run, or None
    cdef Spool spool                    # names that wait for their second pass, or None = there is none
    cdef readonly bint cut_short        # input was dropped
    cdef bint stopped                   # by the user: there is no second pass any more
    cdef double latest                  # s, monotonic: the last time that we were told of
    cdef readonly int second_max        # names live at once in it
    cdef readonly int second_live       # names live that are in it
    cdef readonly int64_t query_max     # queries that may be sent in all, 0 = any number
    cdef bint leaving                   # a budget is used up: nothing is tried again
    cdef Block *blocks                  # the pool's memory
    cdef Name *free
    cdef Side *sides                    # by resolver index
    cdef int side_count
    cdef readonly bint lends            # what is put aside goes to other Names, by `post` and `adopt`
    cdef Queue outgoing                 # that: still in this pool
    cdef Queue waiting                  # names to be tried again
    cdef readonly int live              # names started and not yet written
    cdef readonly int live_max
    cdef double deadline_s
    cdef int retries
    cdef public int workers, exits, resolvers   # how many there are to go elsewhere
    cdef bint with_line, with_why, with_time
    cdef readonly bint with_details     # a, sec or fl asked for
    cdef readonly object describe       # bytes of a response -> JSON fragment
    cdef bytes details                  # the last such fragment
    cdef double epoch                   # s to add to `now` for the wall clock
    cdef double held, held_since        # s of waiting for the output's reader; < 0 = not now

    cdef int64_t line                   # number of the line just cut
    cdef readonly int64_t skipped, unfinished, second, recovered        # results of earlier runs; given back; see `books`
    cdef readonly int64_t read, blank, written, expected, queries, answers, strays, requeued, retried
    cdef int64_t verdicts[3]
    cdef int64_t reasons[15]
    cdef public double heard_at         # s, monotonic: the last answer
    cdef public int64_t troubles        # attempts and openings that failed since

    cdef double scan_now(self, double now) noexcept nogil
    cdef bint blocked(self) noexcept nogil
    cdef bint take(self, Name **taken, int worker, int exit, int resolver, double now, bint fresh) except -1 nogil
    cdef bint newcomer(self, Name **taken, double now) except -1 nogil
    cdef Name *requeued_name(self, int worker, int exit, int resolver, double now) noexcept nogil
    cdef bint cut(self) except -1 nogil
    cdef bint next_chunk(self) except -1 with gil
    cdef bint at_hand(self) except -1 nogil
    cdef bint next_type(self) noexcept nogil
    cdef void give_up(self, Name *name) noexcept nogil
    cdef void drop(self, Queue *queue) noexcept nogil
    cdef bint defer(self, Name *name, Reason reason, double now) except -1 nogil
    cdef Name *recalled(self, double now) except NULL nogil
    cdef bint hopeless(self) noexcept nogil
    cdef int recall(self, double now) except -1 nogil
    cdef int write_deferred(self) except -1 nogil
    cdef bint next_name(self) except -1 nogil
    cdef bint needs_judging(self, const uint8_t *text, Py_ssize_t length) noexcept nogil
    cdef bint judged(self, const uint8_t *text, Py_ssize_t length) except -1 with gil
    cdef Name *started(self, double now) except NULL nogil
    cdef Name *slot(self) except NULL nogil
    cdef bint settle(self, Name *name, const Response *response, const uint8_t *message, Py_ssize_t length, double rtt,
                     Text tags, double now) except -1 nogil
    cdef Text described(self, const uint8_t *message, Py_ssize_t length) except * with gil
    cdef int aside(self, Name *name) except -1 nogil
    cdef int again(self, Name *name, Reason reason, bint spend, double now) except -1 nogil
    cdef int finish(self, Name *name, Verdict verdict, Reason reason, double spent, Text tags, Text details,
                    double now) except -1 nogil
    cdef int fail_name(self, Name *name, Reason reason, double now) except -1 nogil
    cdef int write(self, Name *name, Verdict verdict, Reason reason, double spent, Text tags, Text details,
                   double now) except -1 nogil
    cdef int write_bad(self, bytes d, Reason reason, str why) except -1
    cdef int expire_queue(self, Queue *queue, double clock, double now) except -1 nogil
    cdef void forget(self, Name *name) noexcept nogil
