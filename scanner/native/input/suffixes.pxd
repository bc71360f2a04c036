"""Which route a name takes: the longest suffix in a table decides. Plain C behind a class, of one engine; written in that
one's thread."""

from libc.stdint cimport uint8_t, uint32_t

cdef enum:
    UNMET = -1                  # in a route's place: no name with this suffix has come yet
    AWAITED = -2                # its servers are being found
    LONGER = -3                 # of what is found: the name has a suffix one label longer, which is not in the table

cdef struct Suffix:         # in an open addressing table; `length` 0 = empty
    uint32_t hash
    int length              # octets of the name on the wire, the root's zero included
    const uint8_t *name     # in lower case, owned by the table
    int route               # its names', or one of the above
    bint has_children       # every name one label longer is a suffix too

cdef class SuffixTable:
    cdef list names             # keeps the octets of `name` alive
    cdef Suffix *places
    cdef uint32_t mask          # places - 1, a power of two less one
    cdef int longest            # octets of the longest suffix
    cdef int children           # suffixes that came in as names one label longer than another
    cdef int enter(self, bytes name, int route, bint has_children) except -1
    cdef void place(self, const Suffix *suffix) noexcept
    cdef int make_room(self) except -1
    cdef Suffix *longest_of(self, const uint8_t *qname, int length, int *before) noexcept nogil
    cdef bytes want(self, const uint8_t *qname, int length)
    cdef int find(self, const uint8_t *qname, int length) noexcept nogil
