"""The alias chain inside a message: CNAME (RFC 1034 section 3.6.2) and DNAME (RFC 6672), from the question's name on.

Only an alias of the name that was reached leads on, in whatever order they stand; the first of several counts. Each is
followed once, so loops end. An alias of another name is nobody's here.
"""

from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    CNAME = 5
    DNAME = 39
    ALIASES_MAX = 64        # of one answer section that are looked at

cdef struct Chain:
    uint8_t name[256]       # what was reached, on the wire, not compressed
    int name_length         # 0 = a DNAME made it too long to be a name
    int hops                # aliases followed; -1 = one of them cannot be read
    Py_ssize_t aliases[ALIASES_MAX]     # offsets of the owners of CNAME and DNAME records in the answer section
    int alias_count

cdef void follow(Chain *chain, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, Py_ssize_t qname_length,
                 int *left) noexcept nogil
