"""The verdict: what a response means for its name, one row of the table in docs/reference/results.md after the other. A
function that owns nothing and sends nothing, inline for every engine."""

from libc.stdint cimport uint8_t, uint16_t

from scanner.native.message.response cimport (
    ANSWER_DATA, ANSWER_NONE, BADCOOKIE, BADVERS, SERVERS_OF_NAME, SERVERS_OF_OTHERS, Response,
)

cdef enum Verdict:          # the order of `model.VERDICTS`
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
    REFERRAL
    FILTERED
    WILDCARD                # of no single response: these two are for what several say together
    DISPUTED
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

cdef inline Outcome outcome_of_noerror(const Response *response) noexcept nogil:
    """With data, or without (RFC 2308 section 2.2), or a referral, which says that the name exists only where it is the
    name itself that was delegated."""
    if response.answer == ANSWER_DATA:
        return Outcome(TAKEN, NONE, WRITE)
    if response.answer != ANSWER_NONE:
        return Outcome(ERROR, BADRESP, ASK_ELSEWHERE)
    if response.soa or response.aliases:
        return Outcome(TAKEN, NODATA, WRITE)
    if response.servers == SERVERS_OF_NAME:
        return Outcome(TAKEN, REFERRAL, WRITE)
    if response.servers == SERVERS_OF_OTHERS:
        return Outcome(ERROR, REFERRAL, ASK_ELSEWHERE)
    return Outcome(TAKEN, NODATA, WRITE)

cdef inline Outcome outcome_of(const Response *response, bint edns) noexcept nogil:
    """The outcome of a whole, fitting response. `edns`: the query carried an OPT record."""
    cdef int rcode = response.rcode
    if response.truncated:      # of a stream: datagrams that are cut never come here
        return Outcome(ERROR, BADRESP, ASK_ELSEWHERE)
    if (rcode == 0 or rcode == 3) and response.filtered:
        return Outcome(ERROR, FILTERED, ASK_ELSEWHERE)
    if rcode == 0:
        return outcome_of_noerror(response)
    if rcode == 3:
        if response.answer != ANSWER_NONE:      # a name that does not exist, with records
            return Outcome(ERROR, BADRESP, ASK_ELSEWHERE)
        if response.aliases:                    # it is the alias's target that does not exist (RFC 6604)
            return Outcome(TAKEN, CNAME_NX, WRITE)
        return Outcome(NXDOMAIN, NONE, WRITE)
    if edns and (rcode == 1 or rcode == 4 or rcode == BADVERS or rcode == BADCOOKIE):
        return Outcome(ERROR, FORMERR, ASK_WITHOUT_EDNS)
    if edns and rcode == 2 and not response.opt:    # so may a server answer that knows no EDNS (RFC 2671 section 5.3)
        return Outcome(ERROR, SERVFAIL, ASK_WITHOUT_EDNS)
    return Outcome(ERROR, reason_of(rcode), ASK_ELSEWHERE)

cdef inline Outcome of_an_authority(Outcome outcome, const uint8_t *message) noexcept nogil:
    """The outcome where a server was asked that is to know the zone itself: what it does not say with authority (AA) is no
    verdict, but for a referral, which never has it."""
    if outcome.next == WRITE and outcome.reason != REFERRAL and not message[2] & 0x04:
        return Outcome(ERROR, BADRESP, ASK_ELSEWHERE)
    return outcome
