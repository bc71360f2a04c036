"""What is known of one resolver by one exit: the bucket of its rate, and its habits."""

from scanner.native.tally cimport Counts, Tally
from scanner.native.wire cimport Response

cdef enum:
    REFUSED_MAX = 20        # refusals in a row after which a resolver that is not the only one gets no more
    NO_EDNS_MAX = 3         # names after which a server that never sends OPT is taken to know none (RFC 6891)

cdef struct Manners:
    double rate             # queries a second, 0 = no limit
    double tokens           # queries that may leave now
    double refilled         # s, monotonic; < 0 = never
    double burst_s          # of its rate that the bucket may save up
    int refused_in_row
    int no_edns             # FORMERR and NOTIMP without an OPT record, since the last OPT
    bint replaceable        # there are other resolvers

cdef inline bint refuses(const Manners *manners) noexcept nogil:
    return manners.refused_in_row >= REFUSED_MAX

cdef inline int granted(Manners *manners, double now, int wanted) noexcept nogil:
    """How many of `wanted` queries may leave now; whoever sends takes them from `tokens`."""
    if manners.replaceable and refuses(manners):
        return 0
    if manners.rate <= 0:
        return wanted
    if manners.refilled >= 0:
        manners.tokens = min(max(1.0, manners.rate * manners.burst_s),
                             manners.tokens + (now - manners.refilled) * manners.rate)
    manners.refilled = now
    return min(wanted, <int>manners.tokens)

cdef inline void told(Manners *manners, const Response *response, bint without_edns) noexcept nogil:
    """What an answer says of its server: whether it knows EDNS, whether it refuses."""
    if response.opt:
        manners.no_edns = 0
    elif without_edns:
        manners.no_edns += 1
    manners.refused_in_row = manners.refused_in_row + 1 if response.rcode == 5 else 0

cdef inline bint knows_edns(const Manners *manners) noexcept nogil:
    return manners.no_edns < NO_EDNS_MAX

cdef class Peer:
    """Shared by the sessions of one thread that use the pair."""
    cdef Manners manners
    cdef public int quota               # queries that one connection is good for, 0 = not known to be limited
    cdef int short_ends                 # connections in a row that closed so, queries in flight
    cdef int quota_uses                 # connections used up since it was learned
    cdef double heard_at                # s, monotonic: the last answer
    cdef bint doubted                   # its last connection ended with nothing answered
    cdef readonly Tally tally           # what became of its queries; None until somebody uses the pair
    cdef Counts *counts(self) except NULL
    cdef void ended_short(self, int answered) noexcept
