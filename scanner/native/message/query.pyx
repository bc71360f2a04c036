# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Writing a query (RFC 1035 section 4.1, RFC 6891)."""

from libc.string cimport memcpy

from scanner.native.message.name cimport qname_from_text

cdef enum:
    DO = 0x80
    RD = 0x01


cdef class QueryForm:
    """`flags` are the header's, 16 bits; `options` those of OPT as they stand on the wire, in each query; `dnssec` sets DO;
    with `cookie` queries over streams carry one (those over UDP do anyway)."""

    def __cinit__(self, *, int flags=0x0100, int qclass=1, bint edns=True, bint dnssec=False, bint cookie=False,
                  bytes options=b""):
        if len(options) > OPTIONS_MAX:
            raise ValueError(f"options are at most {OPTIONS_MAX} octets")
        self.form.flags[0], self.form.flags[1] = <uint8_t>(flags >> 8), <uint8_t>flags
        self.form.qclass = <uint16_t>qclass
        self.form.edns, self.form.cookie = edns, cookie
        self.form.do_flag = DO if dnssec else 0
        self.form.size = <int>len(options)
        memcpy(self.form.options, <const uint8_t *>options, len(options))

    cdef QueryForm without_recursion(self):
        """The same, RD clear."""
        cdef QueryForm form = QueryForm()
        form.form = self.form
        form.form.flags[0] &= ~RD
        return form


cdef Py_ssize_t write_query(uint8_t *at, uint16_t message_id, const uint8_t *qname, Py_ssize_t length, uint16_t qtype,
                            const Form *form, bint edns, const uint8_t *option, Py_ssize_t option_length) noexcept nogil:
    """One query, with at most one EDNS option beside those of the form; returns the octets written."""
    cdef uint8_t *tail = at + 12 + length
    cdef Py_ssize_t options = option_length + form.size
    at[0] = <uint8_t>(message_id >> 8)
    at[1] = <uint8_t>message_id
    at[2], at[3] = form.flags[0], form.flags[1]
    memcpy(at + 4, b"\x00\x01\x00\x00\x00\x00\x00", 7)
    at[11] = 1 if edns else 0
    memcpy(at + 12, qname, length)
    tail[0] = <uint8_t>(qtype >> 8)
    tail[1] = <uint8_t>qtype
    tail[2] = <uint8_t>(form.qclass >> 8)
    tail[3] = <uint8_t>form.qclass
    if not edns:
        return 16 + length
    memcpy(tail + 4, b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00", 9)    # OPT: root, 1232 octets, version 0
    tail[11] = form.do_flag
    tail[13], tail[14] = <uint8_t>(options >> 8), <uint8_t>options
    if option_length:
        memcpy(tail + 15, option, option_length)
    if form.size:
        memcpy(tail + 15 + option_length, form.options, form.size)
    return 27 + length + options


def encode(bytes text, int qtype, int message_id, bint edns=True) -> bytes:
    """One query message for a plain ASCII name; ValueError when the name is not plain."""
    cdef uint8_t qname[256]
    cdef uint8_t message[QUERY_MAX]
    cdef int length = qname_from_text(text, len(text), qname)
    cdef QueryForm plain = QueryForm()
    if length == 0:
        raise ValueError(f"not a plain name: {text!r}")
    return message[:write_query(message, <uint16_t>message_id, qname, length, <uint16_t>qtype, &plain.form, edns, NULL, 0)]
