"""Which route a name takes: the longest suffix in a table decides. Plain C behind a class; never written after it was
made, so any thread may ask."""

from libc.stdint cimport uint8_t, uint32_t

cdef struct Suffix:         # in an open addressing table; `length` 0 = empty
    uint32_t hash
    int length              # octets of the name on the wire, the root's zero included
    const uint8_t *name     # in lower case, owned by the table
    int route               # its names'

cdef class SuffixTable:
    cdef list names             # keeps the octets of `name` alive
    cdef Suffix *places
    cdef uint32_t mask          # places - 1, a power of two less one
    cdef int longest            # octets of the longest suffix
    cdef int enter(self, bytes name, int length, int route) except -1
    cdef int find(self, const uint8_t *qname, int length) noexcept nogil
