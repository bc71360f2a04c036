"""What is in a response, read with bounds from borrowed octets: nothing here allocates or knows a Python object."""

from libc.stdint cimport uint8_t, uint16_t

cdef enum:
    QR = 0x80           # header flags, third octet
    OPCODE = 0x78
    TC = 0x02

cdef enum:              # extended RCODEs, which only an OPT record can say
    BADVERS = 16
    BADCOOKIE = 23

cdef enum Fit:          # how a message fits the query that it is held against
    FIT_OK = 0
    FIT_STRAY = 1       # not an answer to it: another question, a query, another opcode
    FIT_BROKEN = 2      # an answer to it, but its counts lie or a record is cut

cdef struct Response:
    int rcode           # 12 bits: header and OPT together (RFC 6891 section 6.1.3)
    int ancount
    bint alias          # a CNAME or DNAME stands in the answer section
    Py_ssize_t opt      # offset of the OPT record's RDLENGTH, 0 = none
    bint truncated      # TC

cdef Fit read_response(const uint8_t *message, Py_ssize_t length, const uint8_t *qname, Py_ssize_t qname_length,
                       uint16_t qtype, Response *out) noexcept nogil
