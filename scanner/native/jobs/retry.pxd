"""What waits for the resolvers of one route: jobs that are to be tried again, each by another worker, egress and resolver
where there is one, and names that were not asked yet, where there are several routes."""

from libc.stdint cimport uint64_t

from scanner.native.jobs.job cimport Job, LoneQueue, Queue
from scanner.native.message.query cimport Form
from scanner.native.output.buffer cimport Span
from scanner.native.verdict cimport Reason

cdef enum:
    MEMBERS_MAX = 64        # of a route, that are told apart in `Job.tried`

cdef struct Route:
    Queue waiting           # jobs to be tried again
    LoneQueue lone          # those that a close would end, had they not been in company
    Queue fresh             # several routes: jobs that were not asked yet; their time runs from when they are
    const Form *form        # of its queries
    int workers, egresses, resolvers    # how many there are to go elsewhere
    bint here               # this engine has resolvers of the route
    bint elsewhere          # so has another
    uint64_t servers        # all of these, a bit for each
    int members[MEMBERS_MAX]    # whose bit each is, by the resolver's index: those that were ever of the route, in turn
    int member_count
    bint authoritative      # its servers know one zone each: only their own word counts
    Reason nowhere          # what becomes of its names where no engine has any; NONE = there are some
    Span why                # the same in words, the end of a sentence; owned by the RetryQueue
    Reason trouble          # why the last attempt failed
    bint heard              # something was answered since the last look
    double silent_since     # s, scan's clock: since when jobs wait and nothing is answered, < 0 = that is not so
    double waited_at        # the same: when jobs were last seen to wait

cdef inline uint64_t server_bit(const Route *route, int resolver) noexcept nogil:
    """Of `Job.tried`: a resolver's own; those of which a route has too many to be told apart have one for several."""
    cdef int place = resolver - route.members[0]
    if not (0 <= place < route.member_count and route.members[place] == resolver):      # they are often one behind the other
        place = 0
        while place < route.member_count and route.members[place] != resolver:
            place += 1
        if place == route.member_count:
            place = resolver & MEMBERS_MAX - 1
    return <uint64_t>1 << place

cdef class RetryQueue:
    cdef Route route
    cdef bytes why                      # see there
    cdef void enter(self, int resolver) noexcept

cdef Job *next_for(Route *route, Queue *queue, int worker, int egress, int resolver, double now) noexcept nogil
