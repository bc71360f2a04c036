# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Comparing a compressed name with one that is not, and expanding it."""

from libc.string cimport memcpy

from scanner.native.message.name cimport QNAME_MAX, same_name

cdef enum:
    POINTERS_MAX = 127      # of one name: as many as it can have labels

cdef struct Walk:           # over the labels of one name
    Py_ssize_t at           # the next
    Py_ssize_t begin, end   # the piece that it stands in: before it pointers may lead, behind it nothing is read
    int pointers            # followed
    int *left


cdef inline Walk walk_from(Py_ssize_t at, Py_ssize_t length, int *left) noexcept nogil:
    cdef Walk walk
    walk.at = walk.begin = at
    walk.end, walk.pointers, walk.left = length, 0, left
    return walk


cdef inline bint find_label(const uint8_t *message, Walk *walk) noexcept nogil:
    """Go where the pointers at this place lead; False when no whole label stands there."""
    cdef Py_ssize_t target
    cdef uint8_t size
    while walk.at < walk.end:
        size = message[walk.at]
        walk.left[0] -= 1 + size if size <= 63 else 1
        if walk.left[0] < 0:
            return False
        if size <= 63:
            return walk.at + 1 + size <= walk.end
        if size < 0xC0 or walk.at + 1 >= walk.end or walk.pointers == POINTERS_MAX:
            return False
        target = (size & 0x3F) << 8 | message[walk.at + 1]
        if target >= walk.begin:
            return False
        walk.end = walk.begin
        walk.at = walk.begin = target
        walk.pointers += 1
    return False


cdef bint is_name_at(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, const uint8_t *name,
                     int *left) noexcept nogil:
    """True when the name at `at` can be read and is `name`, but for case. Ends at the first label that differs."""
    cdef Walk walk = walk_from(at, length, left)
    while find_label(message, &walk):
        if message[walk.at] != name[0] or not same_name(message + walk.at + 1, name + 1, name[0]):
            return False
        if name[0] == 0:
            return True
        walk.at += 1 + name[0]
        name += 1 + name[0]
    return False


cdef int name_at(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, uint8_t *name, int *left) noexcept nogil:
    """The name at `at` written out in `name` (QNAME_MAX long); returns its octets, 0 when it cannot be read."""
    cdef Walk walk = walk_from(at, length, left)
    cdef int used = 0
    cdef uint8_t size
    while find_label(message, &walk):
        size = message[walk.at]
        if used + 1 + size > QNAME_MAX:
            return 0
        memcpy(name + used, message + walk.at, 1 + size)
        used += 1 + size
        if size == 0:
            return used
        walk.at += 1 + size
    return 0
