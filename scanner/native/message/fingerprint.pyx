# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Hashing what an answer says of its name. The message was found whole, and a verdict reached."""

from libc.string cimport memcpy

from scanner.native.message.compressed cimport Name, Owners, is_owner, labels_below, owners_of, read_name
from scanner.native.message.cursor cimport Cursor, cursor_over, take, u8
from scanner.native.message.name cimport QNAME_MAX, qname_from_text, same_name
from scanner.native.message.records cimport (
    TYPE_ANY, TYPE_CNAME, TYPE_DNAME, TYPE_SOA, Record, next_record, skip_name,
)
from scanner.native.message.response cimport ANSWER_DATA, CLASS_IN, FIT_OK, read_response

cdef enum:
    WORK_MAX = 1 << 16          # octets of owners that are looked at in one message
    OF_ALIAS = 1                # what an item says
    OF_RECORD = 2
    OF_NOTHING = 3

cdef struct Reading:
    const uint8_t *message
    Py_ssize_t length
    Name name                   # the one asked
    int qtype, qclass
    uint64_t seed
    Py_ssize_t work


cdef uint64_t stir_name(uint64_t hash, const uint8_t *wire, int size) noexcept nogil:
    """A name on the wire, in any case of letters."""
    cdef int at
    for at in range(size):
        hash = stir(hash, wire[at] | 32 if 65 <= wire[at] <= 90 else wire[at])
    return hash


cdef uint64_t stir_target(uint64_t hash, const Name *name, const Name *target) noexcept nogil:
    """Where an alias leads, the labels left out with which it repeats the name."""
    cdef int at = 0
    while name.wire[at] and name.wire[at] == target.wire[at] \
            and same_name(name.wire + at + 1, target.wire + at + 1, name.wire[at]):
        at += 1 + name.wire[at]
    return stir_name(stir(hash, at > 0), target.wire + at, target.size - at)


cdef Py_ssize_t octets_before_names(int rtype, int *names) noexcept nogil:
    """The form of the RDATA of types whose names may be compressed (RFC 3597 section 4)."""
    names[0] = 1
    if rtype == 2 or rtype == TYPE_CNAME or rtype == 12 or rtype == TYPE_DNAME or 3 <= rtype <= 4 or 7 <= rtype <= 9:
        return 0
    if rtype == 15 or rtype == 18 or rtype == 21:       # MX, AFSDB, RT
        return 2
    if rtype == 33:                                     # SRV
        return 6
    names[0] = 2
    if rtype == TYPE_SOA or rtype == 14 or rtype == 17:     # MINFO, RP
        return 0
    if rtype == 26:                                     # PX
        return 2
    names[0] = 0
    return 0


cdef uint64_t hash_of_record(Reading *reading, const Record *record) noexcept nogil:
    """Its type and its RDATA, names in it written out."""
    cdef uint64_t hash = stir(stir(reading.seed, OF_RECORD), record.rtype)
    cdef Cursor rdata = cursor_over(reading.message, record.rdata, record.rdata + record.size)
    cdef Name name
    cdef int names
    cdef Py_ssize_t octets = octets_before_names(record.rtype, &names)
    while octets > 0:
        hash = stir(hash, u8(&rdata))
        octets -= 1
    while names > 0 and read_name(&rdata, &name):
        if record.rtype == TYPE_CNAME:
            hash = stir_target(hash, &reading.name, &name)
        else:
            hash = stir_name(hash, name.wire, name.size)
        names -= 1
    while rdata.at < rdata.end:
        hash = stir(hash, u8(&rdata))
    return hash


cdef void put_records(Reading *reading, Cursor answer, int count, Fingerprint *out) noexcept nogil:
    cdef Record record
    cdef Owners owners = owners_of(&reading.name, reading.message, reading.length, &reading.work)
    while count > 0 and out.count < ITEMS_MAX and next_record(&answer, &record):
        count -= 1
        if record.rclass == reading.qclass and (record.rtype == reading.qtype or reading.qtype == TYPE_ANY) \
                and is_owner(&owners, record.owner):
            out.items[out.count] = hash_of_record(reading, &record)
            out.count += 1


cdef bint read_target(Reading *reading, const Record *record, Name *target) noexcept nogil:
    cdef Cursor rdata = cursor_over(reading.message, record.rdata, record.rdata + record.size)
    return read_name(&rdata, target)


cdef bint is_above(Reading *reading, const Record *record) noexcept nogil:
    """A DNAME's owner: it has a say in the name."""
    cdef Cursor cursor = cursor_over(reading.message, record.owner, record.rdata)
    cdef Name owner
    reading.work -= QNAME_MAX
    return reading.work > 0 and read_name(&cursor, &owner) and labels_below(&reading.name, &owner) > 0


cdef void put_alias(Reading *reading, Cursor answer, int count, Fingerprint *out) noexcept nogil:
    """The first step: a CNAME of the name goes before the DNAME that it is made from, which has the same hash."""
    cdef Record record
    cdef Name target
    cdef Owners owners = owners_of(&reading.name, reading.message, reading.length, &reading.work)
    cdef uint64_t hash = stir(reading.seed, OF_ALIAS)
    while count > 0 and next_record(&answer, &record):
        count -= 1
        if record.rclass != reading.qclass:
            continue
        if record.rtype == TYPE_CNAME and is_owner(&owners, record.owner) and read_target(reading, &record, &target):
            out.items[0], out.count = stir_target(hash, &reading.name, &target), 1
            return
        if record.rtype == TYPE_DNAME and is_above(reading, &record) and read_target(reading, &record, &target):
            out.items[0], out.count = stir_name(stir(hash, 1), target.wire, target.size), 1


cdef void put_nothing(Reading *reading, Cursor authority, int count, Fingerprint *out) noexcept nogil:
    cdef Record record
    cdef Name owner
    cdef Cursor cursor
    cdef uint64_t hash = stir(reading.seed, OF_NOTHING)
    while count > 0 and next_record(&authority, &record):
        count -= 1
        if record.rtype == TYPE_SOA and record.rclass == reading.qclass:
            cursor = cursor_over(reading.message, record.owner, record.rdata)
            if read_name(&cursor, &owner):
                hash = stir_name(hash, owner.wire, owner.size)
            break
    out.items[0], out.count = hash, 1


cdef void take_fingerprint(const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length, uint16_t qtype,
                           uint16_t qclass, const Response *response, uint64_t seed, Fingerprint *out) noexcept nogil:
    """Of a response that says that the name exists. Items are comparable where the seed is the same."""
    cdef Reading reading
    cdef Record record
    cdef Cursor cursor = cursor_over(message, 12, length)
    cdef int answers = message[6] << 8 | message[7], authorities = message[8] << 8 | message[9], index
    reading.message, reading.length, reading.qtype, reading.qclass = message, length, qtype, qclass
    reading.seed, reading.work = seed, WORK_MAX
    memcpy(reading.name.wire, qname, qname_length)
    reading.name.size, reading.name.offset = qname_length, 0
    out.count = 0
    if message[5]:
        skip_name(&cursor)
        take(&cursor, 4)
    if response.aliases:
        put_alias(&reading, cursor, answers, out)
    elif response.answer == ANSWER_DATA:
        put_records(&reading, cursor, answers, out)
    else:
        for index in range(answers):
            next_record(&cursor, &record)
        put_nothing(&reading, cursor, authorities, out)


def fingerprint(bytes message, bytes text, int qtype, unsigned long long seed=0) -> list:
    """The items of a response to text/qtype that says that the name exists. Raises ValueError where it is none."""
    cdef uint8_t qname[256]
    cdef Response response
    cdef Fingerprint found
    cdef int length = qname_from_text(text, len(text), qname)
    if read_response(message, len(message), qname, length, <uint16_t>qtype, CLASS_IN, &response) != FIT_OK:
        raise ValueError("no whole response to that")
    take_fingerprint(message, len(message), qname, length, <uint16_t>qtype, CLASS_IN, &response, seed, &found)
    return [found.items[index] for index in range(found.count)]
