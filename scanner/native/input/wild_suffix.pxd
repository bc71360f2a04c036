"""The suffix of a name below which its registry may answer for names that are not there: a country's top-level domain, or
one of its second levels (`co.uk`); one in a script of its own; one that is a resolver's own (`lan`)."""

from libc.stdint cimport uint8_t

cdef int wild_suffix_at(const uint8_t *qname, int length) noexcept nogil
