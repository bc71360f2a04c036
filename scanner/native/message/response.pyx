# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Reading a response: header, question, and what its records say of the name (RFC 1035 section 4.1, RFC 6891).

It never trusts a count or a length: each record is looked at only when it is there as a whole. Most responses say all by
the first record, whose owner is a pointer to the question; only others have names compared.
"""

from libc.string cimport memcpy

from scanner.native.message.chain cimport CNAME, DNAME, Chain, find_aliases, follow
from scanner.native.message.compressed cimport Name
from scanner.native.message.cursor cimport cursor_over
from scanner.native.message.owners cimport is_name_at, skip_name, u16
from scanner.native.message.name cimport qname_from_text, same_name

cdef enum:
    PTR = 12
    EDE = 15                # the option (RFC 8914 section 2)
    TO_QUESTION = 0xC00C    # the pointer to its name
    NAMES_MAX = 1 << 16     # octets of names looked at in one message: what the longest can hold

cdef struct Record:
    Py_ssize_t owner        # offset of its name
    Py_ssize_t fixed        # offset behind that: type, class, TTL, RDLENGTH
    int rtype, size         # size: RDLENGTH

cdef struct Asked:
    const uint8_t *qname    # on the wire, not compressed
    Py_ssize_t qname_length
    int qtype, qclass

cdef struct Owner:          # a name that owners of records are held against
    const uint8_t *name     # on the wire, not compressed
    int own, other          # pointers that are known to be the name, or another
    int *left               # octets of names that may yet be looked at


cdef inline Py_ssize_t read_record(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, Record *record) noexcept nogil:
    """The offset behind the record at `at`; 0 when it is not there as a whole."""
    record.owner = at
    record.fixed = skip_name(message, length, at)
    if record.fixed + 10 > length:
        return 0
    record.rtype = u16(message + record.fixed)
    record.size = u16(message + record.fixed + 8)
    at = record.fixed + 10 + record.size
    return at if at <= length else 0


cdef inline bint is_record_more(const uint8_t *message, Py_ssize_t length, Py_ssize_t at) noexcept nogil:
    """One behind those that are counted: the counts lie. Zeros are none, nor is what has not the form of one."""
    cdef Record record
    return at < length and read_record(message, length, at, &record) > 0 and record.rtype != 0


cdef inline int class_of(const uint8_t *message, const Record *record) noexcept nogil:
    return u16(message + record.fixed + 2)


cdef bint is_one_name(const uint8_t *message, Py_ssize_t length, Py_ssize_t rdata, int size) noexcept nogil:
    return skip_name(message, length, rdata) == rdata + size


cdef inline bint can_be(const uint8_t *message, Py_ssize_t length, const Record *record) noexcept nogil:
    """False where the RDATA has a length that its type cannot have. Looked at only for types that scans ask for."""
    if record.rtype == A:
        return record.size == 4
    if record.rtype == AAAA:
        return record.size == 16
    if record.rtype == NS or record.rtype == CNAME or record.rtype == PTR or record.rtype == DNAME:
        return is_one_name(message, length, record.fixed + 10, record.size)
    return True


# -- where the first look does not do: whole records --------------------------------------------------------------------


cdef bint is_owned(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, Owner *owner) noexcept nogil:
    """True when the name at `at` is the one; remembers what a pointer turned out to be."""
    cdef int first = u16(message + at)
    cdef bint same
    if first == owner.own or first == owner.other:
        return first == owner.own
    same = is_name_at(message, length, at, owner.name, owner.left)
    if first >= 0xC000:
        if same:
            owner.own = first
        else:
            owner.other = first
    return same


cdef Answer data_of(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, int count, Owner *owner, const Asked *asked,
                    bint any_but_alias) noexcept nogil:
    """What the answer section at `at` has of the type asked, or of any but CNAME, that one name owns."""
    cdef Record record
    cdef Answer found = ANSWER_NONE
    cdef int index
    for index in range(count):
        at = read_record(message, length, at, &record)
        if class_of(message, &record) != asked.qclass:
            continue
        if record.rtype == CNAME if any_but_alias else record.rtype != asked.qtype and asked.qtype != ANY:
            continue
        if is_owned(message, length, record.owner, owner):
            if any_but_alias or can_be(message, length, &record):
                return ANSWER_DATA
            found = ANSWER_BROKEN
    return found


cdef void read_answer(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, bint denies, const Asked *asked, int *left,
                      Response *out) noexcept nogil:
    """The answer section at `at`: the name's own records, else where its aliases lead; with NXDOMAIN that alone."""
    cdef Owner owner
    cdef Chain chain
    cdef const Name *end
    owner.name, owner.own, owner.other, owner.left = asked.qname, TO_QUESTION, -1, left
    if not denies:
        out.answer = data_of(message, length, at, out.ancount, &owner, asked, False)
        if out.answer != ANSWER_NONE:
            return
    memcpy(chain.names[0].wire, asked.qname, asked.qname_length)
    chain.names[0].size = <int>asked.qname_length
    find_aliases(&chain, cursor_over(message, at, length), out.ancount, asked.qclass)
    follow(&chain, message, length, left)
    out.aliases = chain.hops
    end = &chain.names[chain.hops]
    if chain.broken:
        out.answer = ANSWER_BROKEN
    elif end.size and (chain.hops or denies):
        owner.name, owner.own, owner.other = end.wire, -1, -1
        out.answer = data_of(message, length, at, out.ancount, &owner, asked, denies)


cdef void read_authority(const uint8_t *message, Py_ssize_t length, Py_ssize_t at, int count, const Asked *asked, int *left,
                         Response *out) noexcept nogil:
    """Whose servers are named there."""
    cdef Record record
    cdef Owner owner
    cdef int index
    owner.name, owner.own, owner.other, owner.left = asked.qname, TO_QUESTION, -1, left
    for index in range(count):
        at = read_record(message, length, at, &record)
        if record.rtype == NS and class_of(message, &record) == asked.qclass and out.servers != SERVERS_OF_NAME:
            if is_owned(message, length, record.owner, &owner):
                out.servers, out.referred_at = SERVERS_OF_NAME, 0
            else:
                out.servers, out.referred_at = SERVERS_OF_OTHERS, record.owner


cdef bint is_policy(const uint8_t *message, Py_ssize_t opt) noexcept nogil:
    """True where an extended error says forged, blocked, censored, filtered or prohibited (RFC 8914 section 4)."""
    cdef Py_ssize_t at = opt + 2, end = at + u16(message + opt)
    cdef int code
    while at + 4 <= end:
        if u16(message + at) == EDE and u16(message + at + 2) >= 2 and at + 6 <= end:
            code = u16(message + at + 4)
            if code == 4 or 15 <= code <= 18:
                return True
        at += 4 + u16(message + at + 2)
    return False


cdef void look_closer(const uint8_t *message, Py_ssize_t length, Py_ssize_t answer, Py_ssize_t authority, bint denies,
                      const Asked *asked, Response *out) noexcept nogil:
    """What the sections that begin there say of the name; `denies`: the RCODE is NXDOMAIN. Every record is whole."""
    cdef int left = NAMES_MAX
    if out.ancount:
        read_answer(message, length, answer, denies, asked, &left, out)
    if not denies and out.answer == ANSWER_NONE and out.aliases == 0 and not out.soa:
        read_authority(message, length, authority, u16(message + 8), asked, &left, out)
    if left < 0:
        out.answer = ANSWER_BROKEN


# -- the first look ------------------------------------------------------------------------------------------------------


cdef Fit read_response(const uint8_t *message, Py_ssize_t length, const uint8_t *qname, Py_ssize_t qname_length,
                       uint16_t qtype, uint16_t qclass, Response *out) noexcept nogil:
    """Hold a message whose key has matched against the query; on FIT_OK `out` has what is in it."""
    cdef Py_ssize_t at = 12, answer, authority
    cdef int qdcount, rcode, index
    cdef bint is_open               # whether the name has what was asked
    cdef Record record
    cdef Asked asked
    out.opt = 0
    if length < 12 or not message[2] & QR or message[2] & OPCODE:
        return FIT_STRAY
    qdcount = u16(message + 4)
    rcode = message[3] & 0x0F
    if qdcount == 1:
        if length < 16 + qname_length or not same_name(message + 12, qname, qname_length):
            return FIT_STRAY
        at = 12 + qname_length
        if u16(message + at) != qtype or u16(message + at + 2) != qclass:
            return FIT_STRAY
        at += 4
    elif qdcount or not (rcode == 1 or rcode == 2 or rcode == 4 or rcode == 5 or message[2] & TC):
        return FIT_STRAY            # only these may leave the question out, as some servers do: with none of them, nor
                                    # with TC (a box before a server sends a bare header), is a verdict (RFC 5452 section 9.1)
    out.rcode = rcode
    out.ancount = u16(message + 6)
    out.aliases, out.answer, out.servers, out.referred_at = 0, ANSWER_NONE, SERVERS_NONE, 0
    out.soa = out.filtered = False
    out.truncated = message[2] & TC

    is_open = rcode == 0
    answer = at
    for index in range(out.ancount):
        at = read_record(message, length, at, &record)
        if at == 0 or record.rtype == OPT:
            return FIT_BROKEN
        if (is_open and record.rtype == qtype and u16(message + record.owner) == TO_QUESTION
                and class_of(message, &record) == qclass and can_be(message, length, &record)):
            out.answer = ANSWER_DATA
            is_open = False
    authority = at
    for index in range(u16(message + 8)):
        at = read_record(message, length, at, &record)
        if at == 0 or record.rtype == OPT:
            return FIT_BROKEN
        if record.rtype == SOA and class_of(message, &record) == qclass:
            out.soa = True
    for index in range(u16(message + 10)):
        at = read_record(message, length, at, &record)
        if at == 0:
            return FIT_BROKEN
        if record.rtype == OPT:
            if out.opt or message[record.owner]:    # one at most, and its name is the root (RFC 6891 section 6.1.1)
                return FIT_BROKEN
            out.opt = record.fixed + 8
            out.filtered = record.size and is_policy(message, out.opt)
            out.rcode |= message[record.fixed + 4] << 4
    if (rcode == 0 or rcode == 3) and is_record_more(message, length, at):
        return FIT_BROKEN
    if (is_open or rcode == 3) and (out.ancount or not out.soa):
        asked.qname, asked.qname_length, asked.qtype, asked.qclass = qname, qname_length, qtype, qclass
        look_closer(message, length, answer, authority, rcode == 3, &asked, out)
    return FIT_OK


def inspect(bytes message, bytes text, int qtype) -> tuple | None:
    """(rcode, ancount, alias) of an answer to text/qtype, None for a stray; ValueError when it is broken."""
    cdef uint8_t qname[256]
    cdef Response response
    cdef int length = qname_from_text(text, len(text), qname)
    cdef Fit fit = read_response(message, len(message), qname, length, <uint16_t>qtype, CLASS_IN, &response)
    if fit == FIT_BROKEN:
        raise ValueError("broken message")
    return None if fit == FIT_STRAY else (response.rcode, response.ancount, response.aliases != 0)
