"""The table of contents of `link.pyx`: what becomes of a datagram on its way, of `path.py` in words. Everything follows
from the seed, the question and how often it was asked before, so neither the order of arrival nor a busy machine changes
what is lost."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef struct Question:           # one name and type
    uint64_t key                # hash of both; 0: the room is free
    int64_t done_ns             # a slow name: when its answer is known here; 0: not asked for yet
    uint32_t asked              # how often it has come, lost and dropped ones too
    bint answered               # an answer is on its way or has got through

cdef struct Link:
    bint used                   # False: there is no path, and nothing below counts
    int64_t interval_ns         # between two answers of one address, rounded up; 0: no rate is kept
    int64_t queue_ns            # what the queue holds when it is full
    int64_t delay_ns
    double jitter_ns            # mean
    double loss, slow, dead     # shares; a dead name is not slow
    double slow_median_ns, slow_sigma
    uint64_t seed
    int64_t *free_at_ns         # of each address: when it has answered all that it has taken in
    Question *questions         # open table
    uint64_t room               # of `questions`, a power of 2; at most half is taken
    uint64_t distinct           # questions in it
    uint64_t queries            # datagrams that came
    uint64_t lost
    uint64_t dropped            # the queue was full
    uint64_t silent             # taken in and not answered: a dead name, or the zone's own silence
    uint64_t answered           # answers that went on their way
    uint64_t repeated           # queries for a question that had come before
    uint64_t needless           # of these, for one whose answer was on its way or had got through
    int64_t late_ns             # the most that an answer was sent after its time, by this machine's fault

cdef set_numbers(Link *link, path, uint64_t seed)
cdef bint open_link(Link *link, int addresses) noexcept nogil
cdef void close_link(Link *link) noexcept nogil
cdef Question *take_in(Link *link, int address, int64_t arrived_ns, const uint8_t *query, Py_ssize_t size,
                       int64_t *due_ns) noexcept nogil
