"""What two answers to different names have to have in common to be the same answer, as a few hashes.

- Where the name is an alias: where that leads. The rest is the target's affair, so it counts for nothing.
- Where the name has records of the type asked: these, in any order, TTLs aside.
- Where it has none: whose SOA says so.

A target that begins with the labels of the name itself stands for all that are made in this way (DNAME, RFC 6672, and
servers that do the same with a CNAME).
"""

from libc.stdint cimport uint8_t, uint16_t, uint64_t

from scanner.native.message.response cimport Response

cdef enum:
    ITEMS_MAX = 64              # of one answer that are looked at

cdef struct Fingerprint:
    int count
    uint64_t items[ITEMS_MAX]   # in the order of the records

cdef inline uint64_t stir(uint64_t hash, uint64_t value) noexcept nogil:
    hash = (hash ^ value) * <uint64_t>0x9E3779B97F4A7C15u
    return hash ^ hash >> 29

cdef uint64_t stir_name(uint64_t hash, const uint8_t *wire, int size) noexcept nogil
cdef void take_fingerprint(const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length, uint16_t qtype,
                           uint16_t qclass, const Response *response, uint64_t seed, Fingerprint *out) noexcept nogil
