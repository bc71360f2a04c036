"""Names in flight by message ID: open addressing over `mask + 1` places, a power of two, at most a quarter of them
used; NULL = empty. Inline, for every session and port."""

from scanner.native.name cimport Name

cdef inline int find_place(Name **table, int mask, int message_id) noexcept nogil:
    """Where the name with this ID stands, -1 = nowhere."""
    cdef int at = message_id & mask
    while table[at] is not NULL:
        if table[at].message_id == message_id:
            return at
        at = (at + 1) & mask
    return -1

cdef inline void enter(Name **table, int mask, Name *name) noexcept nogil:
    cdef int at = name.message_id & mask
    while table[at] is not NULL:
        at = (at + 1) & mask
    table[at] = name

cdef inline void vacate(Name **table, int mask, int at) noexcept nogil:
    """Empty a place and close the gap, so that every name stays reachable from its own place."""
    cdef int hole = at, home
    while True:
        table[hole] = NULL
        while True:
            at = (at + 1) & mask
            if table[at] is NULL:
                return
            home = table[at].message_id & mask
            if ((at - home) & mask) >= ((at - hole) & mask):
                break
        table[hole] = table[at]
        hole = at
