"""The verdict: what a response means for its name, one row of the table in the README after the other. A function
that owns nothing and sends nothing, inline for every engine."""

from scanner.native.message.response cimport BADCOOKIE, BADVERS, Response

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
    TRUNCATED
    REASON_COUNT

cdef enum Next:             # what the response asks of the job
    WRITE                   # its line: the verdict is known
    ASK_ELSEWHERE           # one more attempt
    ASK_WITHOUT_EDNS        # the same question without EDNS, which costs no attempt (RFC 6891 section 7)

cdef struct Outcome:
    Verdict verdict
    Reason reason
    Next next

cdef inline Reason reason_of(int rcode) noexcept nogil:
    if rcode == 2:
        return SERVFAIL
    if rcode == 5:
        return REFUSED
    if rcode == 1:
        return FORMERR
    return NOTIMP if rcode == 4 else RCODE

cdef inline Outcome outcome_of(const Response *response, bint edns) noexcept nogil:
    """The outcome of a whole, fitting response. `edns`: the query carried an OPT record."""
    cdef int rcode = response.rcode
    if rcode == 0:
        return Outcome(TAKEN, NODATA if response.ancount == 0 else NONE, WRITE)
    if rcode == 3:
        if response.ancount == 0:
            return Outcome(NXDOMAIN, NONE, WRITE)
        if response.alias:
            return Outcome(TAKEN, CNAME_NX, WRITE)
        return Outcome(ERROR, BADRESP, ASK_ELSEWHERE)       # a name that does not exist, with answers
    if edns and (rcode == 1 or rcode == 4 or rcode == BADVERS or rcode == BADCOOKIE):
        return Outcome(ERROR, FORMERR, ASK_WITHOUT_EDNS)
    return Outcome(ERROR, reason_of(rcode), ASK_ELSEWHERE)
