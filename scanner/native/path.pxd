"""A path: one egress (a proxy, or none) to one resolver. What is learned of it stands here once, for all connections and
sockets of an engine that use it."""

from libc.stdint cimport int64_t

from scanner.native.limits cimport Bucket
from scanner.native.message.response cimport BADVERS, Response
from scanner.native.tally cimport Counts, Tally

cdef enum:
    REFUSED_MAX = 20        # refusals in a row after which a resolver that is not the only one gets no more
    NO_EDNS_MAX = 3         # names after which a server that never sends OPT is taken to know none (RFC 6891)
    EDNS_TRIAL = 1000       # queries without EDNS to such a server, after which one has it again

cdef enum Trust:            # the order of `TRUSTS`
    TRUSTED                 # asked and believed, for want of knowledge
    HELD                    # not asked; what it still answers is believed
    DISTRUSTED              # not asked, and not believed: names that it has go elsewhere
    VOUCHED                 # asked and believed: it has answered what it was asked before, and rightly

cdef struct Habits:
    int trust               # a Trust; written by the event loop's thread, read by the engine's
    int refused_in_row
    int no_edns             # EDNS refused, or silence to it and an answer to a query without, since the last OPT
    int without_edns        # queries since it is taken to know none
    bint replaceable        # there are other resolvers

cdef inline bint refuses(const Habits *habits) noexcept nogil:
    return habits.refused_in_row >= REFUSED_MAX

cdef inline bint is_open(const Habits *habits) noexcept nogil:
    """False for one that is not to be asked now, and for one that refuses everything, where there are others."""
    return (habits.trust == TRUSTED or habits.trust == VOUCHED) and not (habits.replaceable and refuses(habits))

cdef inline void learn(Habits *habits, const Response *response, bint refused_edns) noexcept nogil:
    """What a response shows of its server: whether it knows EDNS, whether it refuses. `refused_edns`: that is what the
    response says, or it came only to a query without EDNS."""
    if response.opt and response.rcode != BADVERS:
        habits.no_edns = 0
    elif refused_edns:
        habits.no_edns += 1
    habits.refused_in_row = min(habits.refused_in_row + 1, <int>REFUSED_MAX) if response.rcode == 5 else 0

cdef inline bint is_asked_with_edns(Habits *habits) noexcept nogil:
    """For one query that is about to be sent."""
    if habits.no_edns < NO_EDNS_MAX:
        return True
    habits.without_edns += 1
    return habits.without_edns % EDNS_TRIAL == 0

cdef class PathState:
    cdef readonly int egress, resolver  # indexes in the configuration
    cdef readonly tuple routes          # the same: whose names are asked here, at least one
    cdef readonly Bucket bucket         # shared by the engines that use this egress and resolver
    cdef readonly Tally tally
    cdef Habits habits
    cdef public int quota               # streams: queries that one connection is good for, 0 = not known to be limited
    cdef int short_ends                 # streams: connections in a row that closed so, queries in flight
    cdef int quota_uses                 # streams: connections used up since the quota was learned
    cdef int64_t most_answered          # streams: on any one connection
    cdef int silences                   # streams: connections in a row that fell silent after as many
    cdef double heard_at                # s, monotonic: the last response, < 0 = never
    cdef bint doubted                   # streams: its last connection ended with nothing answered
    cdef int answering                  # streams: open connections that have answered
    cdef list stuck                     # streams: sessions whose jobs the others ask too; made by `find_stuck`
    cdef inline Counts *counts(self) noexcept nogil:
        return &self.tally.counted
    cdef void ended_short(self, int answered) noexcept
    cdef void fell_silent(self, int64_t answered) noexcept
