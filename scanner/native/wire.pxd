"""The codec, in plain C on borrowed octets: nothing here allocates, does I/O or knows a Python object.

Table of contents of `wire.pyx`: text to qname, a query's frame, and what a response says.
"""

from libc.stdint cimport uint8_t, uint16_t

cdef enum:
    QNAME_MAX = 255     # octets of a name on the wire, the root's zero included (RFC 1035 section 2.3.4)
    TEXT_MAX = 254      # characters of a name, one trailing dot included
    FRAME_MAX = 299     # octets of our longest framed query: 2 + 12 + 255 + 4 + 11, rounded up
    QR = 0x80           # header flags, third octet
    OPCODE = 0x78

cdef enum Fit:          # how a response fits the query that it is held against
    FIT_OK = 0
    FIT_STRAY = 1       # not an answer to it: another question, a query, another opcode
    FIT_BROKEN = 2      # an answer to it, but its counts lie or a record is cut

cdef struct Response:
    int rcode           # 12 bits: header and OPT together (RFC 6891 section 6.1.3)
    int ancount
    bint alias          # a CNAME or DNAME stands in the answer section
    Py_ssize_t opt      # offset of the OPT record's RDLENGTH, 0 = none
    bint truncated      # TC

cdef int qname_from_text(const uint8_t *text, Py_ssize_t length, uint8_t *qname) noexcept nogil
cdef Py_ssize_t text_from_qname(const uint8_t *qname, Py_ssize_t length, char *text) noexcept nogil
cdef Py_ssize_t write_message(uint8_t *at, uint16_t message_id, const uint8_t *qname, Py_ssize_t length, uint16_t qtype,
                              bint edns, const uint8_t *option, Py_ssize_t option_length) noexcept nogil
cdef Py_ssize_t write_query(uint8_t *frame, uint16_t message_id, const uint8_t *qname, Py_ssize_t length,
                            uint16_t qtype, bint edns) noexcept nogil
cdef Fit read_response(const uint8_t *message, Py_ssize_t length, const uint8_t *qname, Py_ssize_t qname_length,
                       uint16_t qtype, Response *out) noexcept nogil
