# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""A path in native code: rate, queue, loss and delay, and the questions that came over it. It reads no clock and sends
nothing: `take_in` says of a query whether it is answered, and when the answer arrives.

One address is one server with one queue. A query that comes while more than a full queue is ahead of it is dropped.
"""

from libc.math cimport M_PI, cos, exp, log, sqrt
from libc.stdlib cimport calloc, free

cdef enum:
    ROOM = 1 << 14
    HEADER = 12
    TYPE_AND_CLASS = 4

cdef const double SLOWEST_NS = 3600e9   # an hour is for ever, and fits where a wide sigma does not

cdef enum Draw:                 # what a random number is for: one seed, and yet independent of each other
    LOSS = 1, JITTER, DEAD, SLOW, SLOW_RADIUS, SLOW_ANGLE


cdef set_numbers(Link *link, path, uint64_t seed):
    """Those of a LabPath."""
    link.interval_ns = -(-1000000000 // path.rate) if path.rate else 0
    link.queue_ns = path.queue * link.interval_ns
    link.delay_ns = round(path.delay_ms * 1e6)
    link.jitter_ns = path.jitter_ms * 1e6
    link.loss, link.slow, link.dead = path.loss, path.slow, path.dead
    link.slow_median_ns, link.slow_sigma = path.slow_median_ms * 1e6, path.slow_sigma
    link.seed = seed


def slowness_ms(path, bytes query, uint64_t seed=1) -> float | None:
    """How long the server of a LabPath looks for the answer to a query the first time: foretold, for tests and benches.
    None: it never answers."""
    cdef Link link
    cdef uint64_t key = question_key(query, len(query))
    set_numbers(&link, path, seed)
    return None if is_dead(&link, key) else slowness_ns(&link, key) / 1e6


cdef bint open_link(Link *link, int addresses) noexcept nogil:
    """The numbers of the path are set already. False when there is no memory."""
    link.used, link.room = True, ROOM
    link.free_at_ns = <int64_t *>calloc(addresses, sizeof(int64_t))
    link.questions = <Question *>calloc(link.room, sizeof(Question))
    return link.free_at_ns is not NULL and link.questions is not NULL


cdef void close_link(Link *link) noexcept nogil:
    free(link.free_at_ns)
    free(link.questions)
    link.free_at_ns, link.questions = NULL, NULL


cdef Question *take_in(Link *link, int address, int64_t arrived_ns, const uint8_t *query, Py_ssize_t size,
                       int64_t *due_ns) noexcept nogil:
    """The question of a query that is answered at `due_ns`; NULL for one that is not. Good until the next call."""
    cdef Question *it = question_of(link, question_key(query, size))
    cdef int64_t free_at_ns = arrived_ns
    if it is NULL:
        return NULL
    link.queries += 1
    link.repeated += it.asked > 0
    link.needless += it.answered
    it.asked += 1
    if draw(link, it.key, LOSS, it.asked) < link.loss:
        link.lost += 1
        return NULL
    if link.interval_ns:
        free_at_ns = max(arrived_ns, link.free_at_ns[address])
        if free_at_ns - arrived_ns > link.queue_ns:
            link.dropped += 1
            return NULL
        free_at_ns += link.interval_ns
        link.free_at_ns[address] = free_at_ns
    if is_dead(link, it.key):
        link.silent += 1
        return NULL
    if it.done_ns == 0:
        it.done_ns = free_at_ns + slowness_ns(link, it.key)
    due_ns[0] = max(free_at_ns, it.done_ns) + link.delay_ns
    if link.jitter_ns > 0:
        due_ns[0] -= <int64_t>(link.jitter_ns * log(1 - draw(link, it.key, JITTER, it.asked)))
    return it


cdef bint is_dead(Link *link, uint64_t key) noexcept nogil:
    return draw(link, key, DEAD, 0) < link.dead


cdef int64_t slowness_ns(Link *link, uint64_t key) noexcept nogil:
    """How long the server looks for the answer the first time: log-normal by Box and Muller, 0 for most names."""
    cdef double radius, normal
    if draw(link, key, SLOW, 0) >= link.slow:
        return 0
    radius = sqrt(-2 * log(1 - draw(link, key, SLOW_RADIUS, 0)))
    normal = radius * cos(2 * M_PI * draw(link, key, SLOW_ANGLE, 0))
    return <int64_t>min(SLOWEST_NS, link.slow_median_ns * exp(link.slow_sigma * normal))


cdef double draw(Link *link, uint64_t key, Draw purpose, uint32_t time) noexcept nogil:
    """At least 0, below 1: the same for the same seed, question, purpose and time."""
    cdef uint64_t state = mixed(key ^ mixed(link.seed ^ mixed(<uint64_t>purpose << 32 | time)))
    return (state >> 11) * (1.0 / 9007199254740992.0)


cdef uint64_t mixed(uint64_t state) noexcept nogil:
    """One step of splitmix64."""
    state += 0x9E3779B97F4A7C15ULL
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9ULL
    state = (state ^ (state >> 27)) * 0x94D049BB133111EBULL
    return state ^ (state >> 31)


cdef uint64_t question_key(const uint8_t *query, Py_ssize_t size) noexcept nogil:
    """Of the first name, in any case, its type and its class; octets that are no query have a key too. Never 0."""
    cdef uint64_t key = 14695981039346656037ULL     # FNV-1a
    cdef Py_ssize_t at = HEADER, end = HEADER
    cdef uint8_t octet
    while end < size and query[end]:
        end += query[end] + 1
    end = min(end + 1, size)
    while at < min(end + TYPE_AND_CLASS, size):
        octet = query[at]
        if at < end and 65 <= octet <= 90:          # no length of a label is among these
            octet += 32
        key = (key ^ octet) * 1099511628211ULL
        at += 1
    return mixed(key) or 1


cdef Question *question_of(Link *link, uint64_t key) noexcept nogil:
    """Its room in the table, made when it is new; NULL when there is no memory."""
    cdef Question *it
    if link.distinct >= link.room // 2 and not grow(link):
        return NULL
    it = room_of(link.questions, link.room, key)
    if it.key == 0:
        it.key = key
        link.distinct += 1
    return it


cdef Question *room_of(Question *questions, uint64_t room, uint64_t key) noexcept nogil:
    cdef uint64_t slot = key & (room - 1)
    while questions[slot].key and questions[slot].key != key:
        slot = (slot + 1) & (room - 1)
    return &questions[slot]


cdef bint grow(Link *link) noexcept nogil:
    """Twice the room; False when there is no memory."""
    cdef Question *questions = <Question *>calloc(link.room * 2, sizeof(Question))
    cdef uint64_t i
    if questions is NULL:
        return False
    for i in range(link.room):
        if link.questions[i].key:
            room_of(questions, link.room * 2, link.questions[i].key)[0] = link.questions[i]
    free(link.questions)
    link.questions, link.room = questions, link.room * 2
    return True
