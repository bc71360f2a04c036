# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Following aliases from owner to target."""

from libc.string cimport memcpy, memmove

from scanner.native.message.owners cimport is_name_at, name_at, skip_name, u16
from scanner.native.message.name cimport QNAME_MAX, same_name


cdef void follow(Chain *chain, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, Py_ssize_t qname_length,
                 int *left) noexcept nogil:
    """From the question's name as far as the aliases lead."""
    cdef uint64_t used = 0
    cdef int index
    memcpy(chain.name, qname, qname_length)
    chain.name_length = <int>qname_length
    chain.hops = 0
    while chain.name_length:
        index = next_alias(chain, message, length, left)
        if index < 0 or used >> index & 1:
            return
        used |= <uint64_t>1 << index
        if not take_alias(chain, message, length, chain.aliases[index], left):
            chain.hops = -1
            return
        chain.hops += 1


cdef int next_alias(const Chain *chain, const uint8_t *message, Py_ssize_t length, int *left) noexcept nogil:
    """The first CNAME of the name that was reached, else the first DNAME above it; -1 when there is none."""
    cdef int index, above = -1
    for index in range(chain.alias_count):
        if rtype_of(message, length, chain.aliases[index]) == CNAME:
            if is_name_at(message, length, chain.aliases[index], chain.name, left):
                return index
        elif above < 0 and octets_below(chain, message, length, chain.aliases[index], left):
            above = index
    return above


cdef bint take_alias(Chain *chain, const uint8_t *message, Py_ssize_t length, Py_ssize_t owner, int *left) noexcept nogil:
    """Go from an alias's owner to its target; False when that cannot be read."""
    cdef uint8_t target[256]
    cdef Py_ssize_t fixed = skip_name(message, length, owner)
    cdef Py_ssize_t rdata = fixed + 10
    cdef int size = name_at(message, length, rdata, target, left), below = 0
    if size == 0 or skip_name(message, length, rdata) != rdata + u16(message + fixed + 8):
        return False
    if rtype_of(message, length, owner) == DNAME:
        below = octets_below(chain, message, length, owner, left)
    if below + size > QNAME_MAX:
        chain.name_length = 0
        return True
    memmove(chain.name + below, target, size)
    chain.name_length = below + size
    return True


cdef int rtype_of(const uint8_t *message, Py_ssize_t length, Py_ssize_t owner) noexcept nogil:
    """The type of the record whose owner stands there."""
    return u16(message + skip_name(message, length, owner))


cdef int octets_below(const Chain *chain, const uint8_t *message, Py_ssize_t length, Py_ssize_t owner,
                      int *left) noexcept nogil:
    """Octets of the labels that the name that was reached has before this owner's name; 0 when it is not below it."""
    cdef uint8_t above[256]
    cdef int size = name_at(message, length, owner, above, left), at = 0
    if size == 0:
        return 0
    while chain.name_length - at > size:
        at += 1 + chain.name[at]
    if chain.name_length - at != size or not same_name(chain.name + at, above, size):
        return 0
    return at
