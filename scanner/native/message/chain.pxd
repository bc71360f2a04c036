"""The alias chain inside a message: CNAME (RFC 1034 section 3.6.2) and DNAME (RFC 6672), from the question's name on. Verdicts and
fields are of the same one.

Only an alias of the name that was reached leads on, in whatever order they stand; the first of several counts. Each is
followed once, so loops end. An alias of another name is nobody's here.
"""

from libc.stdint cimport uint8_t, uint64_t

from scanner.native.message.compressed cimport Name
from scanner.native.message.cursor cimport Cursor
from scanner.native.message.records cimport Record

cdef enum:
    CNAME = 5
    DNAME = 39
    ALIASES_MAX = 64        # of one answer section that are looked at

cdef struct Chain:
    Name names[ALIASES_MAX + 1]         # the name asked, then where each alias leads; none of size 0 but the last: a DNAME
                                        # made it too long to be a name
    int hops                            # aliases followed: the last of the names
    bint broken                         # the next one cannot be read
    Record aliases[ALIASES_MAX]         # CNAME and DNAME records of the answer section
    int alias_count

cdef void find_aliases(Chain *chain, Cursor answer, int count, int qclass) noexcept nogil
cdef void follow(Chain *chain, const uint8_t *message, Py_ssize_t length, int *left) noexcept nogil
