"""One name on its way through a scan, what may be said of it, and queues of names. Plain C, for all that hold names."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef enum Verdict:
    TAKEN
    NXDOMAIN
    ERROR

cdef enum Reason:           # the order of `model.REASONS`
    NONE
    SERVFAIL
    REFUSED
    FORMERR
    NOTIMP
    RCODE
    TIMEOUT
    CONNECTION
    PROXY
    TLS
    BADRESP
    BADNAME
    CNAME_NX
    NODATA
    SPECIAL
    REASON_COUNT

cdef struct Name:           # owned by Names; a session holds a pointer while the query is in flight
    Name *next              # the free list, the queue, or (udp) the next that expires about when this one does
    Name *before            # udp, in flight: the link back
    Name *same              # lines with the very same name, asked once with this one; finished with it
    double started          # s, scan's clock: when first taken
    double deadline         # s, scan's clock: nothing is waited for beyond
    double sent             # s, monotonic: the present attempt; in the queue: since when it waits
    double hurt             # s, monotonic: when a connection first ended under it; < 0 = never
    double expires          # s, scan's clock: end of the present attempt, never after `deadline`
    int64_t line            # input line number, from 1
    char *d                 # JSON text of key `d` (malloc'd, owned), NULL = the qname's own text
    uint32_t d_length
    uint16_t message_id
    uint16_t qtype
    int rcode               # of the last response, -1 = none yet
    int worker, exit, resolver  # who tried it last
    uint64_t case_bits      # udp: the case of each letter of the qname as it was sent (0x20)
    uint16_t lap            # udp: which round of its resolver's window it counts for, 0 = none
    uint8_t strays          # udp: messages that had its ID and were no answer, up to 255
    uint8_t reason          # of the last attempt that failed
    uint8_t attempt         # 0 = the first
    uint8_t requeues        # times that a closing connection gave it back without an attempt spent
    bint second             # this is its second pass
    bint plain              # asked without EDNS, now and from now on
    bint dot                # the input had a trailing dot
    uint8_t qname_length
    uint8_t qname[256]

cdef struct Queue:          # first come, first served, by `Name.next`
    Name *first
    Name *last
    int count

cdef inline void push(Queue *queue, Name *name) noexcept nogil:
    name.next = NULL
    if queue.first is NULL:
        queue.first = name
    else:
        queue.last.next = name
    queue.last = name
    queue.count += 1

cdef inline Name *pop(Queue *queue) noexcept nogil:
    """The first, NULL when there is none."""
    cdef Name *name = queue.first
    if name is not NULL:
        queue.first = name.next
        queue.count -= 1
    return name
