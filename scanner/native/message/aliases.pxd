"""The alias chain inside one message: from the name asked to the one that the answer is about."""

from libc.stdint cimport uint8_t

from scanner.native.message.compressed cimport Name
from scanner.native.message.cursor cimport Cursor

cdef enum:
    ALIASES_MAX = 32            # resolvers follow 8 to 16

cdef struct Chain:
    Name names[ALIASES_MAX + 1]     # the name asked, then each alias's target; whole up to `count`
    int count                       # aliases
    Py_ssize_t work                 # octets and pointers that may still be compared

cdef void follow(Chain *chain, Cursor answer, int records, int rclass) noexcept nogil
