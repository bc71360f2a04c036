# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The table of suffixes: one walk over a name, from its end to its front, looks at every suffix that it has."""

cimport cython
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport calloc, free

from scanner.native.memory cimport checked_alloc
from scanner.native.message.name cimport qname_from_text, same_name, text_from_qname

cdef enum:
    LABELS_MAX = 128
    CHILDREN_MAX = 4096         # where every longer name is a suffix, names of the input make them

cdef inline uint32_t fold(uint32_t hash, uint8_t octet) noexcept nogil:
    """FNV-1a, one octet, a letter in lower case."""
    return (hash ^ (octet | 32 if 65 <= octet <= 90 else octet)) * 16777619u


cdef inline uint32_t mixed(uint32_t hash) noexcept nogil:
    return hash ^ hash >> 15


@cython.final
cdef class SuffixTable:
    """`suffixes` are pairs of a plain name, each another, and a route. A name with none of them takes route 0."""

    def __cinit__(self, suffixes):
        cdef uint32_t size = 4
        while size < 4 * <uint32_t>len(suffixes):
            size *= 2
        self.mask = size - 1
        self.places = <Suffix *>checked_alloc(calloc(size, sizeof(Suffix)))
        self.names = []
        for suffix, route in suffixes:
            self.put(suffix, route)

    def __dealloc__(self):
        free(self.places)

    def put(self, bytes suffix not None, int route, *, bint has_children=False) -> None:
        """Have this suffix in the table, once, with that route. `has_children`: every name one label longer is one too."""
        cdef uint8_t qname[256]
        cdef int length = qname_from_text(suffix, len(suffix), qname), before
        cdef Suffix *found
        if length == 0:
            raise ValueError(f"not a plain name: {suffix!r}")
        found = self.longest_of(qname, length, &before)
        if found is not NULL and before == 0:
            found.route = route
            found.has_children = found.has_children or has_children
        else:
            self.enter((<bytes>qname[:length]).lower(), route, has_children)

    cdef int enter(self, bytes name, int route, bint has_children) except -1:
        cdef Suffix suffix
        cdef const uint8_t *octets = name
        cdef int index
        suffix.hash, suffix.length, suffix.name, suffix.route = 2166136261u, <int>len(name), octets, route
        suffix.has_children = has_children
        for index in range(suffix.length - 2, -1, -1):
            suffix.hash = fold(suffix.hash, octets[index])
        if 2 * <uint32_t>len(self.names) > self.mask:
            self.make_room()
        self.names.append(name)
        self.place(&suffix)
        self.longest = max(self.longest, suffix.length)
        return 0

    cdef void place(self, const Suffix *suffix) noexcept:
        cdef uint32_t at = mixed(suffix.hash) & self.mask
        while self.places[at].length:
            at = (at + 1) & self.mask
        self.places[at] = suffix[0]

    cdef int make_room(self) except -1:
        """For twice as many."""
        cdef Suffix *old = self.places
        cdef uint32_t size = self.mask + 1, at
        self.places = <Suffix *>checked_alloc(calloc(2 * size, sizeof(Suffix)))
        self.mask = 2 * size - 1
        for at in range(size):
            if old[at].length:
                self.place(&old[at])
        free(old)
        return 0

    cdef int find(self, const uint8_t *qname, int length) noexcept nogil:
        """The route of a name on the wire, in any case of letters; negative: there is none yet."""
        cdef int before
        cdef Suffix *found = self.longest_of(qname, length, &before)
        if found is NULL:
            return 0
        return LONGER if found.has_children and before > 1 and self.children < CHILDREN_MAX else found.route

    cdef Suffix *longest_of(self, const uint8_t *qname, int length, int *before) noexcept nogil:
        """The longest suffix of a name, NULL where it has none, and how many labels stand before that."""
        cdef uint8_t starts[LABELS_MAX]         # of its labels
        cdef int count = 0, at = 0, behind = length - 1, octet
        cdef uint32_t hash = 2166136261u, place
        cdef Suffix *found = NULL
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
                    found = &self.places[place]
                    before[0] = count
                    break
                place = (place + 1) & self.mask
        return found

    cdef bytes want(self, const uint8_t *qname, int length):
        """The suffix of a name whose route is negative, where it is the first with it; it is awaited from now on. None:
        it was before."""
        cdef int before, skipped, at = 0
        cdef char text[1024]
        cdef bytes suffix
        cdef Suffix *found = self.longest_of(qname, length, &before)
        cdef bint is_longer = found.has_children and before > 1 and self.children < CHILDREN_MAX
        if not is_longer and found.route != UNMET:
            return None
        for skipped in range(before - is_longer):
            at += 1 + qname[at]
        suffix = text[:text_from_qname(qname + at, length - at, text)]
        self.children += is_longer
        self.put(suffix, AWAITED)
        return suffix.lower()

    def route_of(self, bytes text) -> int:
        """The route of a plain name, for those that are not on the hot path."""
        cdef uint8_t qname[256]
        cdef int length = qname_from_text(text, len(text), qname)
        return self.find(qname, length) if length else 0
