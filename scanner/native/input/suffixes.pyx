# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The table of suffixes: one walk over a name, from its end to its front, looks at every suffix that it has."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from scanner.native.memory cimport checked_alloc
from scanner.native.message.name cimport qname_from_text, same_name

cdef enum:
    LABELS_MAX = 128


cdef inline uint32_t fold(uint32_t hash, uint8_t octet) noexcept nogil:
    """FNV-1a, one octet, a letter in lower case."""
    return (hash ^ (octet | 32 if 65 <= octet <= 90 else octet)) * 16777619u


cdef inline uint32_t mixed(uint32_t hash) noexcept nogil:
    return hash ^ hash >> 15


@cython.final
cdef class SuffixTable:
    """`suffixes` are pairs of a plain name, each another, and a route. A name with none of them takes route 0."""

    def __cinit__(self, suffixes):
        cdef uint8_t qname[256]
        cdef int length, route
        cdef bytes suffix, name
        cdef uint32_t size = 4
        while size < 4 * <uint32_t>len(suffixes):
            size *= 2
        self.mask = size - 1
        self.places = <Suffix *>checked_alloc(calloc(size, sizeof(Suffix)))
        self.names = []
        for suffix, route in suffixes:
            length = qname_from_text(suffix, len(suffix), qname)
            if length == 0:
                raise ValueError(f"not a plain name: {suffix!r}")
            name = (<bytes>qname[:length]).lower()
            self.names.append(name)
            self.enter(name, length, route)

    cdef int enter(self, bytes name, int length, int route) except -1:
        cdef Suffix *place
        cdef const uint8_t *octets = name
        cdef uint32_t hash = 2166136261u, at
        cdef int index
        for index in range(length - 2, -1, -1):
            hash = fold(hash, octets[index])
        at = mixed(hash) & self.mask
        while self.places[at].length:
            at = (at + 1) & self.mask
        place = &self.places[at]
        place.hash, place.length, place.name, place.route = hash, length, octets, route
        self.longest = max(self.longest, length)
        return 0

    def __dealloc__(self):
        free(self.places)

    cdef int find(self, const uint8_t *qname, int length) noexcept nogil:
        """The route of a name on the wire, in any case of letters."""
        cdef uint8_t starts[LABELS_MAX]         # of its labels
        cdef int count = 0, at = 0, behind = length - 1, found = 0, octet
        cdef uint32_t hash = 2166136261u, place
        while qname[at]:
            starts[count] = <uint8_t>at
            count += 1
            at += 1 + qname[at]
        while count:
            count -= 1
            at = starts[count]
            if length - at > self.longest:
                break
            for octet in range(behind - 1, at - 1, -1):
                hash = fold(hash, qname[octet])
            behind = at
            place = mixed(hash) & self.mask
            while self.places[place].length:
                if self.places[place].hash == hash and self.places[place].length == length - at \
                        and same_name(self.places[place].name, qname + at, length - at):
                    found = self.places[place].route
                    break
                place = (place + 1) & self.mask
        return found

    def route_of(self, bytes text) -> int:
        """The route of a plain name, for those that are not on the hot path."""
        cdef uint8_t qname[256]
        cdef int length = qname_from_text(text, len(text), qname)
        return self.find(qname, length) if length else 0
