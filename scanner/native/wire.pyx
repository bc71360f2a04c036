# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The codec: text to qname, a query's frame, and what a response says (RFC 1035, RFC 6891).

It reads headers, the question and the frames of records; what stands in a record is dnspython's (`rdata.py`).
It never trusts a count or a length: the cursor remembers an overrun and is asked once at the end.
"""

from libc.string cimport memcmp, memcpy


cdef uint8_t LETTER_DIGIT_HYPHEN[256]   # 1 = may stand in a plain name; `_` too (RFC 8552)
cdef uint8_t LOWER[256]                 # ASCII lower case, every other octet itself

cdef int _octet
for _octet in range(256):
    LETTER_DIGIT_HYPHEN[_octet] = chr(_octet).isascii() and (chr(_octet).isalnum() or chr(_octet) in "-_")
    LOWER[_octet] = _octet + 32 if 65 <= _octet <= 90 else _octet


cdef int qname_from_text(const uint8_t *text, Py_ssize_t length, uint8_t *qname) noexcept nogil:
    """A plain ASCII name, with or without its trailing dot, as wire octets in `qname` (QNAME_MAX + 1 long).

    Returns their count, or 0 when the text is not a plain name: `inputline` then says what it is.
    """
    cdef Py_ssize_t i, start = 0, write = 1
    cdef uint8_t octet
    if length == 0 or length > TEXT_MAX:
        return 0
    if text[length - 1] == b".":
        length -= 1
    if length == 0 or length > TEXT_MAX - 1:
        return 0
    for i in range(length):
        octet = text[i]
        if LETTER_DIGIT_HYPHEN[octet]:
            qname[write] = octet
        elif octet == b"." and 0 < write - start - 1 <= 63:
            qname[start] = <uint8_t>(write - start - 1)
            start = write
        else:
            return 0
        write += 1
    if not 0 < write - start - 1 <= 63:
        return 0
    qname[start] = <uint8_t>(write - start - 1)
    qname[write] = 0
    return <int>(write + 1)


cdef Py_ssize_t text_from_qname(const uint8_t *qname, Py_ssize_t length, char *text) noexcept nogil:
    """The inverse for a qname that `qname_from_text` made; returns the characters written, no trailing dot."""
    cdef Py_ssize_t at
    if length <= 1:
        text[0] = b"."
        return 1
    memcpy(text, qname + 1, length - 2)
    at = 1 + qname[0]
    while at < length - 1:
        text[at - 1] = b"."
        at += 1 + qname[at]
    return length - 2


cdef Py_ssize_t write_message(uint8_t *at, uint16_t message_id, const uint8_t *qname, Py_ssize_t length, uint16_t qtype,
                              bint edns, const uint8_t *option, Py_ssize_t option_length) noexcept nogil:
    """One query, RD set, with at most one EDNS option as it stands on the wire; returns the octets written."""
    cdef uint8_t *tail = at + 12 + length
    at[0] = <uint8_t>(message_id >> 8)
    at[1] = <uint8_t>message_id
    memcpy(at + 2, b"\x01\x00\x00\x01\x00\x00\x00\x00\x00", 9)
    at[11] = 1 if edns else 0
    memcpy(at + 12, qname, length)
    tail[0] = <uint8_t>(qtype >> 8)
    tail[1] = <uint8_t>qtype
    tail[2] = 0
    tail[3] = 1
    if not edns:
        return 16 + length
    memcpy(tail + 4, b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00", 10)    # OPT: root, 1232 octets, version 0, DO off
    tail[14] = <uint8_t>option_length
    if option_length:
        memcpy(tail + 15, option, option_length)
    return 27 + length + option_length


cdef Py_ssize_t write_query(uint8_t *frame, uint16_t message_id, const uint8_t *qname, Py_ssize_t length,
                            uint16_t qtype, bint edns) noexcept nogil:
    """The same, framed for TCP (RFC 1035 section 4.2.2); returns octets written, at most FRAME_MAX."""
    cdef Py_ssize_t size = write_message(frame + 2, message_id, qname, length, qtype, edns, NULL, 0)
    frame[0] = <uint8_t>(size >> 8)
    frame[1] = <uint8_t>size
    return size + 2


cdef inline int u16(const uint8_t *at) noexcept nogil:
    return (at[0] << 8) | at[1]


cdef inline bint same_name(const uint8_t *a, const uint8_t *b, Py_ssize_t length) noexcept nogil:
    """Equal but for ASCII case (RFC 4343). Length octets are below 64, so folding leaves them alone."""
    cdef Py_ssize_t i
    if memcmp(a, b, length) == 0:
        return True
    for i in range(length):
        if LOWER[a[i]] != LOWER[b[i]]:
            return False
    return True


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
    """Hold a message whose ID has matched against the query; on FIT_OK `out` says what it tells."""
    cdef Py_ssize_t at = 12
    cdef int qdcount, rcode, section, count, index, rtype
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
    out.opt = 0
    out.truncated = message[2] & 0x02
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


def encode(bytes text, int qtype, int message_id, bint edns=True) -> bytes:
    """One framed query for a plain ASCII name; ValueError when the name is not plain. For tests and benches."""
    cdef uint8_t qname[256]
    cdef uint8_t frame[FRAME_MAX + 1]
    cdef int length = qname_from_text(text, len(text), qname)
    if length == 0:
        raise ValueError(f"not a plain name: {text!r}")
    return frame[:write_query(frame, <uint16_t>message_id, qname, length, <uint16_t>qtype, edns)]


def inspect(bytes message, bytes text, int qtype) -> tuple | None:
    """(rcode, ancount, alias) of an answer to text/qtype, None for a stray; ValueError when it is broken."""
    cdef uint8_t qname[256]
    cdef Response response
    cdef int length = qname_from_text(text, len(text), qname)
    cdef Fit fit = read_response(message, len(message), qname, length, <uint16_t>qtype, &response)
    if fit == FIT_BROKEN:
        raise ValueError("broken message")
    return None if fit == FIT_STRAY else (response.rcode, response.ancount, bool(response.alias))
