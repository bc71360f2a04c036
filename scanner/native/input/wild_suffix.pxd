"""The suffix of a name below which its registry may answer for names that are not there: a country's top-level domain, or
one of its second levels (`co.uk`); one in a script of its own; one that is a resolver's own (`lan`)."""

from libc.stdint cimport uint8_t

cdef int second_level_at(const uint8_t *qname, int last) noexcept nogil
cdef int unusual_suffix_at(const uint8_t *qname, int length) noexcept nogil

cdef inline int wild_suffix_at(const uint8_t *qname, int length) noexcept nogil:
    """Where in a plain name on the wire the longest such suffix begins that the name is below; 0 where there is none.
    Octets of its text are 45 or more: a lesser one is a length."""
    if length < 6:
        return 0
    if qname[length - 5] == 3:          # most names: of three letters there is `lan` alone
        return length - 5 if qname[length - 4] | 32 == 108 and qname[length - 3] | 32 == 97 \
            and qname[length - 2] | 32 == 110 else 0
    if qname[length - 4] == 2:
        return second_level_at(qname, length - 4) or length - 4
    return unusual_suffix_at(qname, length)
