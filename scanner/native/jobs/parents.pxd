"""What random names below a parent were answered, by parent and type: so many that memory is bounded; of those that no
name has needed for longest nothing is known any more."""

from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcmp

from scanner.native.jobs.job cimport Job, Queue
from scanner.native.message.fingerprint cimport Fingerprint

cdef enum:
    PARENT_ITEMS = 64           # of its wildcard's answers that are known

cdef enum ParentState:
    PARENT_UNKNOWN              # not asked yet, or nothing came of it
    PARENT_PLAIN                # a random name does not exist
    PARENT_WILD                 # it does: `items` are its answers

cdef struct Parent:             # one type below one name; owned by Parents
    uint64_t key                # a hash of both
    Parent *next                # in its bucket, or in the free list
    Parent *newer               # by when it was last needed
    Parent *older
    Queue waiting               # jobs that wait to be compared
    double again_at             # s, scan's clock: nothing came of it, and before this it is not asked again; 0 = it was not
    uint64_t *items             # what is the same in answers (fingerprint.pxd): malloc'd, owned, NULL = there are none
    uint8_t item_count
    uint8_t state
    uint8_t asking              # random names that are being asked
    uint8_t asked               # that were
    uint8_t denied              # that do not exist
    uint8_t settled             # in a row that brought nothing new
    uint8_t rotates             # two had different answers
    uint8_t moved               # of those that are being asked: some are another engine's to ask, so those that wait are too,
    uint8_t by_stream           # by streams

cdef inline bint is_at_work(const Parent *parent) noexcept nogil:
    return parent.asking > 0 or parent.waiting.count > 0

cdef class Parents:
    cdef Parent **buckets
    cdef uint64_t mask          # buckets - 1, a power of two less one
    cdef Parent *newest
    cdef Parent *oldest
    cdef int count
    cdef readonly int most      # that are kept, but for those at work
    cdef uint8_t name[256]      # of the newest, on the wire
    cdef int name_length
    cdef uint16_t qtype         # and its type

    cdef inline bint is_newest(self, const Job *job, int at) noexcept nogil:
        """The newest is what stands in the job's name there, letter for letter."""
        return self.name_length == job.qname_length - at and self.qtype == job.qtype \
            and memcmp(self.name, job.qname + at, self.name_length) == 0

    cdef Parent *find_of(self, const Job *job, int at, uint64_t seed) except NULL nogil
    cdef Parent *find(self, uint64_t key) except NULL nogil
    cdef Parent *evicted(self) noexcept nogil
    cdef void unlink(self, Parent *parent) noexcept nogil
    cdef void link(self, Parent *parent) noexcept nogil

cdef int learn_answer(Parent *parent, const Fingerprint *answer) except -1 nogil
cdef bint is_same_answer(const Parent *parent, const uint64_t *items, int count) noexcept nogil
