# cython: language_level=3
# cython: freethreading_compatible=True
"""The verdict on one message, for those that are not on the hot path."""

from socket import AF_INET, AF_INET6, inet_ntop

from scanner.model import REASONS, VERDICTS
from scanner.native.message.cursor cimport Cursor, cursor_over, take
from scanner.native.message.name cimport qname_from_text
from scanner.native.message.records cimport Record, next_record, skip_name
from scanner.native.message.response cimport A, AAAA, CLASS_IN, FIT_BROKEN, FIT_STRAY, Fit, Response, read_response


def classify(bytes message, bytes text, int qtype, int qclass=CLASS_IN) -> tuple | None:
    """(verdict, reason) of a response to text/qtype, the reason "" where there is none, an RCODE with its number; None
    when it is no response to that."""
    cdef uint8_t qname[256]
    cdef Response response
    cdef Outcome outcome
    cdef int length = qname_from_text(text, len(text), qname)
    cdef Fit fit
    if length == 0:
        raise ValueError(f"not a plain name: {text!r}")
    fit = read_response(message, len(message), qname, length, <uint16_t>qtype, <uint16_t>qclass, &response)
    if fit == FIT_STRAY:
        return None
    if fit == FIT_BROKEN:
        return "error", "badresp"
    outcome = outcome_of(&response, False)
    number = str(response.rcode) if outcome.reason == RCODE else ""
    return VERDICTS[<int>outcome.verdict], REASONS[<int>outcome.reason] + number


def addresses_in(bytes message) -> set:
    """The addresses in the answer section of a message that `classify` has found whole, as texts."""
    cdef Cursor cursor = cursor_over(message, 12, len(message))
    cdef Record record
    cdef int index
    found = set()
    skip_name(&cursor)
    take(&cursor, 4)
    for index in range(message[6] << 8 | message[7]):
        if not next_record(&cursor, &record):
            break
        if (record.rtype == A and record.size == 4) or (record.rtype == AAAA and record.size == 16):
            found.add(inet_ntop(AF_INET if record.size == 4 else AF_INET6, message[record.rdata:record.rdata + record.size]))
    return found
