"""The frames of a message's records, one after the other (RFC 1035 section 4.1.3), and the options of EDNS."""

from libc.stdint cimport uint8_t, uint32_t

from scanner.native.message.cursor cimport Cursor, refuse, take, u8, u16, u32, unread

cdef enum RecordType:           # those that mean more than their presentation
    TYPE_NS = 2
    TYPE_CNAME = 5
    TYPE_SOA = 6
    TYPE_DNAME = 39
    TYPE_OPT = 41
    TYPE_ANY = 255

cdef enum:
    CLASS_IN = 1
    TTL_MAX = 0x7FFFFFFF        # more is read as 0 (RFC 2181 section 8)

cdef struct Record:
    Py_ssize_t owner            # offset of the owner's name
    int rtype
    int rclass
    uint32_t ttl                # as it came
    Py_ssize_t rdata            # offset
    Py_ssize_t size             # octets of rdata

cdef inline void skip_name(Cursor *cursor) noexcept nogil:
    """Behind the name; where its pointer goes is not looked at."""
    cdef int size = u8(cursor)
    while 0 < size < 64 and take(cursor, size) is not NULL:
        size = u8(cursor)
    if size >= 0xC0:
        take(cursor, 1)
    elif size >= 64:
        refuse(cursor)

cdef inline bint next_record(Cursor *cursor, Record *record) noexcept nogil:
    """The record at the cursor, which then is behind it; False when there is no whole one."""
    record.owner = cursor.at
    skip_name(cursor)
    record.rtype, record.rclass, record.ttl, record.size = u16(cursor), u16(cursor), u32(cursor), u16(cursor)
    record.rdata = cursor.at
    take(cursor, record.size)
    return not cursor.over

cdef inline uint32_t ttl_of(const Record *record) noexcept nogil:
    """Seconds."""
    return record.ttl if record.ttl <= TTL_MAX else 0

cdef struct Option:             # of EDNS (RFC 6891 section 6.1.2)
    int code
    Py_ssize_t data             # offset
    Py_ssize_t size             # octets

cdef inline bint next_option(Cursor *cursor, Option *option) noexcept nogil:
    """The option at the cursor, which is in the OPT record's rdata; False when there is no whole one."""
    if unread(cursor) == 0:
        return False
    option.code, option.size = u16(cursor), u16(cursor)
    option.data = cursor.at
    take(cursor, option.size)
    return not cursor.over
