"""The query message, in plain C into borrowed room. It knows no framing: two octets of length are the stream's."""

from libc.stdint cimport uint8_t, uint16_t

cdef enum:
    QUERY_MAX = 297     # octets of our longest query without an EDNS option: 12 + 255 + 4 + 11, rounded up to a frame's 299
    OPTIONS_MAX = 256   # octets of the options that every query of a scan carries
    COOKIE_NEW = 12     # octets of a COOKIE option with our half alone (RFC 7873 section 4)

cdef struct Form:       # what all queries of a scan have in common; never written after it was made
    uint8_t flags[2]    # third and fourth octet of the header
    uint16_t qclass
    bint edns           # they carry OPT, unless a server wants none
    bint cookie         # those over streams carry a cookie too
    uint8_t do_flag     # third octet of OPT's TTL (RFC 3225)
    int size            # octets of `options`
    uint8_t options[OPTIONS_MAX]    # of OPT, as they stand on the wire

cdef class QueryForm:
    cdef Form form
    cdef QueryForm without_recursion(self)

cdef Py_ssize_t write_query(uint8_t *at, uint16_t message_id, const uint8_t *qname, Py_ssize_t length, uint16_t qtype,
                            const Form *form, bint edns, const uint8_t *option, Py_ssize_t option_length) noexcept nogil
