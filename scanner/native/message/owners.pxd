"""Names inside a message, which may be compressed (RFC 1035 section 4.1.4), held against one that is not.

A pointer must lead to before the piece of the name that it ends, and what is read there ends before that piece; a name
has a pointer for each label at most. What a hostile message may cost is bounded by `left`, the octets of names that may yet be
looked at; below 0 nothing is read any more, and what was found is not to be believed.
"""

from libc.stdint cimport uint8_t

cdef inline int u16(const uint8_t *at) noexcept nogil:
    return (at[0] << 8) | at[1]

cdef inline Py_ssize_t skip_name(const uint8_t *message, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """The offset behind the name at `at`; beyond `length` when it is cut or malformed."""
    cdef Py_ssize_t begin = at
    cdef uint8_t size
    while at < length:
        size = message[at]
        if size == 0:
            return at + 1
        if size >= 0xC0:        # a pointer ends the name
            if at + 1 < length and ((size & 0x3F) << 8 | message[at + 1]) < begin:
                return at + 2
            return length + 1
        if size > 63:
            return length + 1
        at += 1 + size
    return length + 1

cdef bint is_name_at(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, const uint8_t *name, int *left) noexcept nogil
cdef int name_at(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, uint8_t *name, int *left) noexcept nogil
