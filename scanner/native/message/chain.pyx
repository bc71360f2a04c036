# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Following aliases from owner to target."""

from libc.string cimport memcpy, memmove

from scanner.native.message.name cimport QNAME_MAX, same_name
from scanner.native.message.owners cimport is_name_at, name_at, skip_name
from scanner.native.message.records cimport next_record


cdef void find_aliases(Chain *chain, Cursor answer, int count, int qclass) noexcept nogil:
    """Those of the answer section, which begins at the cursor."""
    cdef Record record
    chain.alias_count = 0
    while count > 0 and chain.alias_count < ALIASES_MAX and next_record(&answer, &record):
        count -= 1
        if (record.rtype == CNAME or record.rtype == DNAME) and record.rclass == qclass:
            chain.aliases[chain.alias_count] = record
            chain.alias_count += 1


cdef void follow(Chain *chain, const uint8_t *message, Py_ssize_t length, int *left) noexcept nogil:
    """From `names[0]` as far as the aliases lead that were found."""
    cdef uint64_t used = 0
    cdef int index
    chain.hops, chain.broken = 0, False
    while chain.names[chain.hops].size:
        index = next_alias(chain, message, length, left)
        if index < 0 or used >> index & 1:
            return
        used |= <uint64_t>1 << index
        if not take_alias(chain, message, length, &chain.aliases[index], left):
            chain.broken = True
            return
        chain.hops += 1


cdef int next_alias(const Chain *chain, const uint8_t *message, Py_ssize_t length, int *left) noexcept nogil:
    """The first CNAME of the name that was reached, else the first DNAME above it; -1 when there is none."""
    cdef const Name *name = &chain.names[chain.hops]
    cdef int index, above = -1
    for index in range(chain.alias_count):
        if chain.aliases[index].rtype == CNAME:
            if is_name_at(message, length, chain.aliases[index].owner, name.wire, left):
                return index
        elif above < 0 and octets_below(name, message, length, chain.aliases[index].owner, left):
            above = index
    return above


cdef bint take_alias(Chain *chain, const uint8_t *message, Py_ssize_t length, const Record *alias, int *left) noexcept nogil:
    """Put an alias's target behind its owner; False when that cannot be read."""
    cdef const Name *name = &chain.names[chain.hops]
    cdef Name *target = &chain.names[chain.hops + 1]
    cdef int below = 0
    target.size, target.offset = name_at(message, length, alias.rdata, target.wire, left), 0
    if target.size == 0 or skip_name(message, length, alias.rdata) != alias.rdata + alias.size:
        return False
    if alias.rtype == DNAME:
        below = octets_below(name, message, length, alias.owner, left)
    if below + target.size > QNAME_MAX:
        target.size = 0
        return True
    memmove(target.wire + below, target.wire, target.size)
    memcpy(target.wire, name.wire, below)
    target.size += below
    return True


cdef int octets_below(const Name *name, const uint8_t *message, Py_ssize_t length, Py_ssize_t owner, int *left) noexcept nogil:
    """Octets of the labels that a name has before this owner's name; 0 when it is not below it."""
    cdef uint8_t above[256]
    cdef int size = name_at(message, length, owner, above, left), at = 0
    if size == 0:
        return 0
    while name.size - at > size:
        at += 1 + name.wire[at]
    if name.size - at != size or not same_name(name.wire + at, above, size):
        return 0
    return at
