"""What is in a response, read with bounds from borrowed octets: nothing here allocates or knows a Python object."""

from libc.stdint cimport uint8_t, uint16_t

cdef enum:
    QR = 0x80           # header flags, third octet
    OPCODE = 0x78
    TC = 0x02

cdef enum:              # extended RCODEs, which only an OPT record can say
    BADVERS = 16
    BADCOOKIE = 23

cdef enum:              # types and classes that mean something here
    A = 1
    NS = 2
    SOA = 6
    AAAA = 28
    OPT = 41
    ANY = 255
    CLASS_IN = 1

cdef enum Fit:          # how a message fits the query that it is held against
    FIT_OK = 0
    FIT_STRAY = 1       # not an answer to it: another question, a query, another opcode
    FIT_BROKEN = 2      # an answer to it, but its counts lie, a record is cut, or OPT stands where it cannot

cdef enum Answer:       # what the answer section says of the name: of the one asked, or where its aliases lead
    ANSWER_NONE         # nothing
    ANSWER_DATA         # it has the type asked; where the RCODE is NXDOMAIN: any record
    ANSWER_BROKEN       # no such record can be read, or an alias cannot

cdef enum Servers:      # whose NS records stand in the authority section
    SERVERS_NONE
    SERVERS_OF_OTHERS   # another name's
    SERVERS_OF_NAME     # the name's own, be there others or not

cdef struct Response:   # records of another class than the question's count for nothing
    int rcode           # 12 bits: header and OPT together (RFC 6891 section 6.1.3)
    int ancount
    int aliases         # CNAME and DNAME that lead away from the name
    Answer answer       # these two: only where the header's RCODE is NOERROR or NXDOMAIN
    Servers servers     # only where it is NOERROR, the answer section says nothing of the name, and there is no SOA
    Py_ssize_t referred_at  # offset of another name that servers are named for, 0 = of none; where `servers` is known
    bint soa            # one stands in the authority section
    bint filtered       # an extended error says that this is no truth but somebody's policy (RFC 8914)
    Py_ssize_t opt      # offset of the OPT record's RDLENGTH, 0 = none
    bint truncated      # TC

cdef Fit read_response(const uint8_t *message, Py_ssize_t length, const uint8_t *qname, Py_ssize_t qname_length,
                       uint16_t qtype, uint16_t qclass, Response *out) noexcept nogil
