"""A job (one input line and one type, which becomes exactly one output line), its queries in flight, and queues of jobs.
Plain C, for all that hold them."""

from libc.stdint cimport int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from scanner.native.pacing.model cimport Departure

cdef enum StreamCause:      # why a stream is to ask, and not a datagram
    CAUSE_NONE
    CAUSE_SIZE              # a datagram could not hold the response
    CAUSE_CASE              # the letters came back in another case
    CAUSE_COOKIE            # the cookie was missing or bad
    CAUSE_FORGED            # somebody sends forged answers
    CAUSE_COMPARED          # random names beside it are asked by a stream

cdef enum Role:             # whose job it is
    ROLE_LINE               # an input line's,
    ROLE_WAITS              # which was answered, and waits to be compared with random names (`beside` is its Answer),
    ROLE_UNCOMPARED         # or could not be: these got no answer
    ROLE_RANDOM             # nobody's: a random name, asked for those that wait (`beside` is their Parent)

# Slots are aligned to cache lines of 64 octets; what a response on a stream touches is one line of the query and two of the
# job: with thousands in flight, lines of memory are what a name costs.

cdef struct Channel:        # one connection, or one port: where keys are its own. In zeroed memory it is empty
    Query **places          # open addressing by key; at most a quarter is used; owned, NULL until the first query
    uint64_t mask           # places - 1, a power of two less one
    int in_flight           # queries in the table, reserved keys included
    void *carrier           # the Session or the Port; that one's own business

cdef struct Query:          # one message in flight; owned by the exchange
    uint64_t key            # what the transport knows it by, on its channel
    Job *job                # NULL = finished by the other query; the key stays reserved until the query expires
    Query *next             # in its bucket of the wheel, or in the free list
    Query *before           # in its bucket
    double sent             # s, monotonic
    double expires          # s, scan's clock: when the wheel gives it out: the end of the attempt, or sooner (datagrams)
    Channel *channel        # what it left by
    uint16_t bucket         # of the wheel
    uint8_t edns            # it carries an OPT record
    uint8_t to_the_line[5]
    double ends             # datagrams, s, scan's clock: end of the attempt, never after the job's deadline
    Query *older            # datagrams: the job's query before this one, where that is still in flight
    uint64_t case_bits      # datagrams: the case of each letter of the qname as it was sent (0x20)
    int path                # datagrams: index of its path in the engine
    uint8_t strays          # datagrams: messages that had its key and were no answer, up to 255
    uint8_t awaits_cookie   # datagrams: an answer came without the cookie; another with it has a moment yet
    Departure departure     # datagrams
    uint8_t to_the_end[16]

cdef struct Job:            # owned by a JobPool; what a response needs of it comes first
    Job *next               # in the one queue that it waits in, or in the free list
    Job *same               # jobs of lines with the very same name and type, asked once with this one, finished with it
    Query *newest           # query in flight, NULL = none; datagrams may have `older` ones too
    uint32_t in_flight      # queries
    int denied_by           # resolver whose NXDOMAIN a trusted one is to confirm, -1 = nobody has said that yet
    char *d                 # JSON texts of keys `d` and `m`, one behind the other (malloc'd, owned), NULL = there is neither
    int64_t line            # input line number, from 1
    uint32_t d_length       # 0 = `d` is the qname's own text
    uint16_t qtype
    uint16_t type_index     # among the scan's types
    uint16_t origin         # 1 + the index of the engine that it came from, 0 = this one
    int16_t rcode           # of the last response, -1 = none yet
    uint8_t reason          # of the last attempt that failed
    uint8_t attempt         # 0 = the first
    uint8_t requeues        # times that it was given back without an attempt spent
    uint8_t second          # this is its second pass
    uint8_t without_edns    # asked without EDNS, now and from now on
    uint8_t by_stream       # only a stream may ask it: a datagram could not hold the response
    uint8_t dot             # the input had a trailing dot
    uint8_t qname_length
    uint8_t qname[256]
    uint8_t stream_cause    # a StreamCause: the last one
    uint8_t stream_failed   # no stream could be opened; nothing has been concluded from that yet
    uint8_t cut             # a datagram could not hold its response
    uint8_t edns_silence    # a query with EDNS was not answered
    uint8_t badcookies      # times that its query was answered with BADCOOKIE
    uint8_t role            # a Role
    uint8_t earlier         # attempts before those at the trusted resolvers
    uint8_t failed_over     # it was asked of every resolver that an RCODE may send it to: from now on each is an attempt
    int route               # whom it may be asked of
    double started          # s, scan's clock: when first taken
    double deadline         # s, scan's clock: nothing is waited for beyond
    double queued_at        # s, monotonic: since when it waits in a queue
    double hurt             # s, monotonic: when a connection first ended under it; < 0 = never
    int worker, egress, resolver    # who tried it last, -1 = nobody
    uint32_t m_length
    void *beside            # by its role; of a line's job it says nothing
    uint64_t tried          # resolvers of its route that it was asked of (retry.pxd: server_bit); kept where `notes_tried`
    uint8_t to_the_end[48]

cdef inline bint is_unasked(const Job *job) noexcept nogil:
    """Nobody was asked this question yet: what was asked before NXDOMAIN was another."""
    return job.resolver < 0 and job.attempt == job.earlier and not (job.second and job.denied_by < 0)

cdef inline void ask_without_edns_after_silence(Job *job) noexcept nogil:
    """Its next query is the last: some servers, and boxes before them, drop queries with EDNS (RFC 6891 section 6.2.2)."""
    job.edns_silence = job.edns_silence or not job.without_edns
    job.without_edns = True

cdef struct Queue:          # first come, first served, by `Job.next`
    Job *first
    Job *last
    int count

cdef struct LoneQueue:      # jobs that are asked only as the first query of a connection, with no other beside it
    Queue waiting
    double next_at          # s, monotonic: before it no other connection makes way for one

cdef inline void push(Queue *queue, Job *job) noexcept nogil:
    job.next = NULL
    if queue.first is NULL:
        queue.first = job
    else:
        queue.last.next = job
    queue.last = job
    queue.count += 1

cdef inline void push_front(Queue *queue, Job *job) noexcept nogil:
    job.next = queue.first
    if queue.first is NULL:
        queue.last = job
    queue.first = job
    queue.count += 1

cdef inline Job *pop(Queue *queue) noexcept nogil:
    """The first, NULL when there is none."""
    cdef Job *job = queue.first
    if job is not NULL:
        queue.first = job.next
        queue.count -= 1
    return job
