# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Reading a response: header, question, and the frames of its records (RFC 1035 section 4.1, RFC 6891).

It never trusts a count or a length: the cursor may run past the end, is never read there, and is asked once at the end.
"""

from scanner.native.message.name cimport qname_from_text, same_name


cdef inline int u16(const uint8_t *at) noexcept nogil:
    return (at[0] << 8) | at[1]


cdef Py_ssize_t skip_owner(const uint8_t *message, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """The offset behind the owner name at `at`; beyond `length` when it is cut or malformed."""
    cdef uint8_t size
    while at < length:
        size = message[at]
        if size == 0:
            return at + 1
        if size >= 0xC0:        # a pointer ends the name; it must point backwards (RFC 1035 section 4.1.4)
            if at + 1 < length and ((size & 0x3F) << 8 | message[at + 1]) < at:
                return at + 2
            return length + 1
        if size > 63:
            return length + 1
        at += 1 + size
    return length + 1


cdef Fit read_response(const uint8_t *message, Py_ssize_t length, const uint8_t *qname, Py_ssize_t qname_length,
                       uint16_t qtype, Response *out) noexcept nogil:
    """Hold a message whose key has matched against the query; on FIT_OK `out` has what is in it."""
    cdef Py_ssize_t at = 12
    cdef int qdcount, rcode, section, count, index, rtype
    out.opt = 0
    if length < 12 or not message[2] & QR or message[2] & OPCODE:
        return FIT_STRAY
    qdcount = u16(message + 4)
    rcode = message[3] & 0x0F
    if qdcount == 1:
        if length < 16 + qname_length or not same_name(message + 12, qname, qname_length):
            return FIT_STRAY
        at = 12 + qname_length
        if u16(message + at) != qtype or u16(message + at + 2) != 1:
            return FIT_STRAY
        at += 4
    elif qdcount or not (rcode == 1 or rcode == 2 or rcode == 4 or rcode == 5):
        return FIT_STRAY        # only these may leave the question out, as some servers do
    out.ancount = u16(message + 6)
    out.alias = False
    out.truncated = message[2] & TC
    for section in range(3):
        count = u16(message + 6 + 2 * section)
        for index in range(count):
            at = skip_owner(message, length, at)
            if at + 10 > length:
                return FIT_BROKEN
            rtype = u16(message + at)
            if section == 0 and (rtype == 5 or rtype == 39):
                out.alias = True
            elif section == 2 and rtype == 41:
                rcode |= message[at + 4] << 4
                out.opt = at + 8
            at += 10 + u16(message + at + 8)
    out.rcode = rcode
    return FIT_OK if at <= length else FIT_BROKEN


def inspect(bytes message, bytes text, int qtype) -> tuple | None:
    """(rcode, ancount, alias) of an answer to text/qtype, None for a stray; ValueError when it is broken."""
    cdef uint8_t qname[256]
    cdef Response response
    cdef int length = qname_from_text(text, len(text), qname)
    cdef Fit fit = read_response(message, len(message), qname, length, <uint16_t>qtype, &response)
    if fit == FIT_BROKEN:
        raise ValueError("broken message")
    return None if fit == FIT_STRAY else (response.rcode, response.ancount, bool(response.alias))
