# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Following CNAME and DNAME records (RFC 1034 section 3.6.2, RFC 6672). What a stranger owns is no part of it."""

from libc.string cimport memcpy

from scanner.native.message.compressed cimport Owners, is_owner, labels_below, owners_of, read_name, same_names
from scanner.native.message.cursor cimport cursor_over
from scanner.native.message.name cimport QNAME_MAX
from scanner.native.message.records cimport TYPE_CNAME, TYPE_DNAME, Record, next_record


cdef bint substitute(const Name *name, const Name *owner, const Name *target, Name *out) noexcept nogil:
    """What a DNAME makes of a name below it; False where it has no say or the result is no name."""
    cdef int prefix = labels_below(name, owner)
    if prefix == 0 or prefix + target.size > QNAME_MAX:
        return False
    memcpy(out.wire, name.wire, prefix)
    memcpy(out.wire + prefix, target.wire, target.size)
    out.size, out.offset = prefix + target.size, 0
    return True


cdef bint read_target(const uint8_t *message, const Record *record, Name *out) noexcept nogil:
    cdef Cursor rdata = cursor_over(message, record.rdata, record.rdata + record.size)
    return read_name(&rdata, out) and rdata.at == rdata.end


cdef bint by_dname(Chain *chain, const uint8_t *message, const Record *record) noexcept nogil:
    """The next name by this DNAME, if it has one."""
    cdef Name owner, target
    cdef Cursor cursor = cursor_over(message, record.owner, record.rdata)
    chain.work -= QNAME_MAX
    if chain.work < 0 or not read_name(&cursor, &owner) or not read_target(message, record, &target):
        return False
    return substitute(&chain.names[chain.count], &owner, &target, &chain.names[chain.count + 1])


cdef bint next_alias(Chain *chain, Cursor answer, int records, int rclass) noexcept nogil:
    """Puts the name that the last one is an alias of behind it; False when it is none. A CNAME goes before a DNAME, which
    it is made from."""
    cdef Record record
    cdef bint found = False
    cdef const uint8_t *message = answer.message
    cdef Owners owners = owners_of(&chain.names[chain.count], message, answer.end, &chain.work)
    while records > 0 and next_record(&answer, &record):
        records -= 1
        if record.rclass != rclass:
            continue
        if record.rtype == TYPE_CNAME and is_owner(&owners, record.owner):
            return read_target(message, &record, &chain.names[chain.count + 1])
        if record.rtype == TYPE_DNAME and not found:
            found = by_dname(chain, message, &record)
    return found


cdef void follow(Chain *chain, Cursor answer, int records, int rclass) noexcept nogil:
    """From `names[0]` to the end, or to the first name that is met again. The cursor stands before the answer section."""
    cdef int index
    while chain.count < ALIASES_MAX and next_alias(chain, answer, records, rclass):
        chain.count += 1
        for index in range(chain.count):
            if same_names(&chain.names[index], &chain.names[chain.count]):
                return
