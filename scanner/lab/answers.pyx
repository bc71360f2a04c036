# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The lab's zone in native code: whether a name exists, what trouble it asks for, and the response in octets.

`reply_to` trusts nothing in the query: any octets of any length get an answer or silence. It writes at most
RESPONSE_MAX octets.
"""

from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

cdef enum:
    ASKED_SLOTS = 1 << 20
    TYPE_A = 1
    TYPE_NS = 2
    TYPE_CNAME = 5
    TYPE_SOA = 6
    TYPE_MX = 15
    TYPE_TXT = 16
    TYPE_AAAA = 28
    TYPE_OPT = 41
    TYPE_ANY = 255
    LATE_MS = 2500          # beyond one attempt's default timeout
    BIG_RECORDS = 2300      # of 26 octets: some 60,000 in all
    UDP_PLAIN = 512         # RFC 1035 section 4.2.1
    FOREVER = 255           # attempts that meet a trouble which has no number

cdef enum Kind:             # a trouble label; one before BY_TIMES may end in -N: only the first N queries meet it
    PLAIN, SERVFAIL, DROP, SHUT, CUT, BY_TIMES, NODATA, CNAME, CNAME_NX, RCODE, TRUNCATE, LIE, WRONGID, QR0, TWICE
    GARBAGE, SHORT, BIG, EDNS_FORMERR, EXISTS, TOP_LEVEL, NAMESERVER

cdef struct Asked:          # what the labels of one query's name say
    Kind kind
    int number              # of rcode-N; how many queries meet a trouble by times
    uint32_t delay_ms

cdef const uint8_t *SOA_RDATA = (
    b"\x03ns1\x03lab\x04test\x00\x0ahostmaster\x03lab\x04test\x00"
    b"\x00\x00\x00\x01\x00\x00\x03\x84\x00\x00\x01\x2c\x00\x09\x3a\x80\x00\x00\x01\x2c")
cdef const uint8_t *TOP_NS_RDATA = b"\x02ns\x03lab\x04test\x00"
cdef enum:
    SOA_SIZE = 55
    NS_SIZE = 14            # the owner of SOA_RDATA's first name
    TOP_NS_SIZE = 13
    CANARY_SIZE = 24
    TARGET_SIZE = 17        # target.lab.test on the wire
    TAIL_SIZE = 10          # lab.test on the wire


cdef bint open_zone(Zone *zone, double nx, double loss, uint32_t delay_least_ms, uint32_t delay_most_ms,
                    uint64_t seed) noexcept nogil:
    """False when there is no memory."""
    zone.nx_below = <uint64_t>(nx * 4294967296.0)
    zone.loss_below = <uint64_t>(loss * 4294967296.0)
    zone.delay_least_ms = delay_least_ms
    zone.delay_span_ms = delay_most_ms - delay_least_ms
    zone.random_state = seed | 1
    zone.asked_count = 0
    zone.asked = <uint64_t *>calloc(ASKED_SLOTS, sizeof(uint64_t))
    return zone.asked is not NULL


cdef void close_zone(Zone *zone) noexcept nogil:
    free(zone.asked)
    zone.asked = NULL


cdef uint32_t chance(Zone *zone) noexcept nogil:
    """xorshift64*: the same seed gives the same losses."""
    zone.random_state ^= zone.random_state >> 12
    zone.random_state ^= zone.random_state << 25
    zone.random_state ^= zone.random_state >> 27
    return <uint32_t>((zone.random_state * 2685821657736338717ULL) >> 32)


cdef inline int u16(const uint8_t *at) noexcept nogil:
    return (at[0] << 8) | at[1]


cdef inline uint8_t *put16(uint8_t *at, int number) noexcept nogil:
    at[0] = <uint8_t>(number >> 8)
    at[1] = <uint8_t>number
    return at + 2


# -- the name --


cdef Py_ssize_t name_end(const uint8_t *query, Py_ssize_t size, uint64_t *hashed, const uint8_t **tail) noexcept nogil:
    """The offset behind the qname at 12, or 0 when it is none. Sets the hash of its text, lower case and without the
    trailing dot, and `tail` to the last two labels when they are lab.test."""
    cdef Py_ssize_t at = 12, last = 12, before = 12, i
    cdef uint64_t h = 14695981039346656037ULL   # FNV-1a, 64 bits
    cdef uint8_t octet
    while at < size and query[at]:
        if query[at] > 63 or at + query[at] >= size or at - 12 + query[at] > 253:
            return 0
        if at > 12:
            h = (h ^ 46) * 1099511628211ULL
        for i in range(at + 1, at + 1 + query[at]):
            octet = query[i]
            if 65 <= octet <= 90:
                octet += 32
            h = (h ^ octet) * 1099511628211ULL
        before, last = last, at
        at += 1 + query[at]
    if at >= size:
        return 0
    h ^= h >> 33                                # murmur3's finish: FNV alone leaves the high bits poor
    h *= 0xFF51AFD7ED558CCDULL
    h ^= h >> 33
    h *= 0xC4CEB9FE1A85EC53ULL
    h ^= h >> 33
    hashed[0] = h
    tail[0] = query + before if at + 1 - before == TAIL_SIZE and folded(query + before, b"\x03lab\x04test", 9) else NULL
    if at + 1 - last == 9 and folded(query + last, b"\x07invalid", 8):
        hashed[0] = 0                           # RFC 6761 section 6.4: never exists
    if last > 12 and is_canary(query + 12):
        hashed[0] = 0
    return at + 1


cdef bint is_canary(const uint8_t *label) noexcept nogil:
    """24 hexadecimal digits: a name that scans ask resolvers for because nobody has it."""
    cdef Py_ssize_t i
    if label[0] != CANARY_SIZE:
        return False
    for i in range(1, 1 + CANARY_SIZE):
        if not (48 <= label[i] <= 57 or 97 <= (label[i] | 32) <= 102):
            return False
    return True


cdef bint folded(const uint8_t *name, const char *lower, Py_ssize_t size) noexcept nogil:
    """`name` equals `lower` but for ASCII case."""
    cdef Py_ssize_t i
    cdef uint8_t octet
    for i in range(size):
        octet = name[i]
        if 65 <= octet <= 90:
            octet += 32
        if octet != <uint8_t>lower[i]:
            return False
    return True


cdef bint word(const uint8_t *label, const char *text, Py_ssize_t size, int *number) noexcept nogil:
    """The label is `text`, or `text-N`, which sets `number`."""
    cdef Py_ssize_t i
    cdef int found = 0
    if label[0] < size or not folded(label + 1, text, size):
        return False
    if label[0] == size:
        return True
    if label[0] < size + 2 or label[0] > size + 7 or label[1 + size] != b"-":
        return False
    for i in range(2 + size, 1 + label[0]):
        if not 48 <= label[i] <= 57:
            return False
        found = found * 10 + label[i] - 48
    number[0] = found
    return True


cdef void read_label(const uint8_t *label, Asked *asked) noexcept nogil:
    """One label left of lab.test: the trouble that it asks for, if any."""
    cdef int number = -1
    if word(label, b"delay", 5, &number) and number >= 0:
        asked.delay_ms = number
        return
    if word(label, b"late", 4, &number) and number < 0:
        asked.delay_ms = LATE_MS
        return
    if word(label, b"rcode", 5, &number) and 0 <= number <= 4095:
        asked.kind, asked.number = RCODE, number
    elif word(label, b"servfail", 8, &number):
        asked.kind, asked.number = SERVFAIL, number
    elif word(label, b"drop", 4, &number):
        asked.kind, asked.number = DROP, number
    elif word(label, b"close", 5, &number):
        asked.kind, asked.number = SHUT, number
    elif word(label, b"reset", 5, &number):
        asked.kind, asked.number = CUT, number
    else:
        read_plain_label(label, asked)


cdef void read_plain_label(const uint8_t *label, Asked *asked) noexcept nogil:
    """The troubles that take no number."""
    cdef int number = -1
    if word(label, b"nxdomain", 8, &number):
        asked.kind, asked.number = RCODE, 3
    elif word(label, b"refused", 7, &number):
        asked.kind, asked.number = RCODE, 5
    elif word(label, b"formerr", 7, &number):
        asked.kind, asked.number = RCODE, 1
    elif word(label, b"notimp", 6, &number):
        asked.kind, asked.number = RCODE, 4
    elif word(label, b"nodata", 6, &number):
        asked.kind = NODATA
    elif word(label, b"cname-nx", 8, &number):
        asked.kind = CNAME_NX
    elif word(label, b"cname", 5, &number):
        asked.kind = CNAME
    elif word(label, b"truncate", 8, &number):
        asked.kind = TRUNCATE
    elif word(label, b"lie", 3, &number):
        asked.kind = LIE
    elif word(label, b"wrongid", 7, &number):
        asked.kind = WRONGID
    elif word(label, b"qr0", 3, &number):
        asked.kind = QR0
    elif word(label, b"twice", 5, &number):
        asked.kind = TWICE
    elif word(label, b"garbage", 7, &number):
        asked.kind = GARBAGE
    elif word(label, b"short", 5, &number):
        asked.kind = SHORT
    elif word(label, b"big", 3, &number):
        asked.kind = BIG
    elif word(label, b"edns-formerr", 12, &number):
        asked.kind = EDNS_FORMERR


cdef int times_asked(Zone *zone, uint64_t hashed) noexcept nogil:
    """How often this name was asked before, up to 255; counts this time."""
    cdef uint64_t slot = (hashed >> 8) % ASKED_SLOTS
    while zone.asked[slot] and (zone.asked[slot] ^ hashed) >> 8:
        slot = (slot + 1) % ASKED_SLOTS
    if zone.asked[slot] == 0:
        zone.asked_count += 1
        if zone.asked_count > ASKED_SLOTS / 4 * 3:
            memset(zone.asked, 0, ASKED_SLOTS * sizeof(uint64_t))
            zone.asked_count = 1
            slot = (hashed >> 8) % ASKED_SLOTS
        zone.asked[slot] = (hashed | 0xFF) ^ 0xFE   # asked once
        return 0
    if zone.asked[slot] & 0xFF < FOREVER:
        zone.asked[slot] += 1
    return <int>(zone.asked[slot] & 0xFF) - 1


# -- the response --


cdef uint8_t *put_record(uint8_t *at, int owner, int rtype, const uint8_t *rdata, int size) noexcept nogil:
    """One record, class IN, TTL 300, its owner a pointer to `owner`."""
    at = put16(at, 0xC000 | owner)
    at = put16(at, rtype)
    memcpy(at, b"\x00\x01\x00\x00\x01\x2c", 6)
    at = put16(at + 6, size)
    memcpy(at, rdata, size)
    return at + size


cdef uint8_t *put_soa(uint8_t *out, uint8_t *at, Py_ssize_t end) noexcept nogil:
    """The authority's SOA, its owner the last label of the qname; counts it."""
    cdef int owner = 12
    while out[owner] and owner + 1 + out[owner] < end - 5:      # the root behind the qname, type and class
        owner += 1 + out[owner]
    put16(out + 8, u16(out + 8) + 1)
    return put_record(at, owner, TYPE_SOA, SOA_RDATA, SOA_SIZE)


cdef uint8_t *put_answer(uint8_t *out, uint8_t *at, Py_ssize_t end, int qtype, uint64_t hashed) noexcept nogil:
    """The record of a name that exists, computed from its hash; a type that it lacks gets the SOA."""
    cdef uint8_t rdata[32]
    memcpy(rdata, b"\xc0\x00\x02", 3)           # 192.0.2.0/24 and 2001:db8::/32 are for documents
    rdata[3] = <uint8_t>(hashed >> 8)
    if qtype == TYPE_NS:
        at = put_record(at, 12, TYPE_NS, SOA_RDATA, NS_SIZE)
    elif qtype == TYPE_A or qtype == TYPE_ANY:
        at = put_record(at, 12, TYPE_A, rdata, 4)
    elif qtype == TYPE_AAAA:
        memcpy(rdata, b"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 15)
        rdata[15] = <uint8_t>(hashed >> 8)
        at = put_record(at, 12, TYPE_AAAA, rdata, 16)
    elif qtype == TYPE_MX:
        memcpy(rdata, b"\x00\x0a", 2)
        memcpy(rdata + 2, SOA_RDATA, NS_SIZE)
        at = put_record(at, 12, TYPE_MX, rdata, 2 + NS_SIZE)
    elif qtype == TYPE_TXT:
        at = put_record(at, 12, TYPE_TXT, <const uint8_t *>b"\x08dnsscan!", 9)
    elif qtype == TYPE_SOA:
        at = put_record(at, 12, TYPE_SOA, SOA_RDATA, SOA_SIZE)
    else:
        return put_soa(out, at, end)
    put16(out + 6, u16(out + 6) + 1)
    return at


cdef uint8_t *put_delegation(uint8_t *out, uint8_t *at, Py_ssize_t end, int qtype, Kind kind) noexcept nogil:
    """A top-level domain's only server, or that server's address: this one."""
    if kind == TOP_LEVEL and qtype == TYPE_NS:
        at = put_record(at, 12, TYPE_NS, TOP_NS_RDATA, TOP_NS_SIZE)
    elif kind == NAMESERVER and (qtype == TYPE_A or qtype == TYPE_ANY):
        at = put_record(at, 12, TYPE_A, <const uint8_t *>b"\x7f\x00\x00\x01", 4)
    else:
        return put_soa(out, at, end)
    put16(out + 6, 1)
    return at


cdef uint8_t *put_alias(uint8_t *out, uint8_t *at) noexcept nogil:
    """CNAME to target.lab.test."""
    put16(out + 6, u16(out + 6) + 1)
    return put_record(at, 12, TYPE_CNAME, <const uint8_t *>b"\x06target\x03lab\x04test\x00", TARGET_SIZE)


cdef uint8_t *put_target(uint8_t *out, uint8_t *at, Py_ssize_t end, int qtype, uint64_t hashed) noexcept nogil:
    """What the alias before this is an alias of: a record of the same, where the lab knows the type."""
    cdef uint8_t *behind = put_answer(out, at, end, qtype, hashed)
    if u16(out + 6) == 2:
        put16(at, 0xC000 | <int>(at - TARGET_SIZE - out))
    return behind


cdef uint8_t *put_many(uint8_t *out, uint8_t *at) noexcept nogil:
    """NS records of 26 octets, all different, up to some 60,000 octets."""
    cdef uint8_t rdata[NS_SIZE]
    cdef int index
    memcpy(rdata, SOA_RDATA, NS_SIZE)
    for index in range(BIG_RECORDS):
        rdata[1] = <uint8_t>(97 + index % 26)
        rdata[2] = <uint8_t>(97 + index // 26 % 26)
        rdata[3] = <uint8_t>(97 + index // 676)
        at = put_record(at, 12, TYPE_NS, rdata, NS_SIZE)
    put16(out + 6, BIG_RECORDS)
    return at


cdef uint8_t *put_opt(uint8_t *out, uint8_t *at, int rcode) noexcept nogil:
    """The OPT record, the high bits of the RCODE in it (RFC 6891 section 6.1.3)."""
    memcpy(at, b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00", 11)
    at[5] = <uint8_t>(rcode >> 4)
    put16(out + 10, u16(out + 10) + 1)
    return at + 11


cdef uint8_t *put_body(Zone *zone, Asked *asked, uint8_t *out, Py_ssize_t end, uint64_t hashed, int *rcode) noexcept nogil:
    """The records behind the question; returns where they end."""
    cdef uint8_t *at = out + end
    cdef int qtype = u16(at - 4)
    if asked.kind == RCODE:
        rcode[0] = asked.number
        return put_soa(out, at, end) if asked.number == 3 else at
    if asked.kind == SERVFAIL:
        rcode[0] = 2
        return at
    if asked.kind == CNAME_NX:
        rcode[0] = 3
        return put_soa(out, put_alias(out, at), end)
    if asked.kind == CNAME:
        return put_target(out, put_alias(out, at), end, qtype, hashed)
    if asked.kind == NODATA:
        return put_soa(out, at, end)
    if asked.kind == BIG:
        return put_many(out, at)
    if asked.kind == PLAIN and (hashed >> 32) < zone.nx_below or hashed == 0:
        rcode[0] = 3
        return put_soa(out, at, end)
    if asked.kind == TOP_LEVEL and qtype == TYPE_NS or asked.kind == NAMESERVER:
        return put_delegation(out, at, end, qtype, asked.kind)
    return put_answer(out, at, end, qtype, hashed)


cdef void read_labels(const uint8_t *query, const uint8_t *tail, Py_ssize_t end, Asked *asked) noexcept nogil:
    """What the name asks for; `end` is the offset behind it."""
    cdef const uint8_t *label = query + 12
    if label[0] == 0:
        asked.kind = EXISTS                 # the root
    elif label + 1 + label[0] == query + end - 1:
        asked.kind = TOP_LEVEL
    elif folded(label, b"\x02ns\x03lab\x04test", TOP_NS_SIZE):     # a name has at least its root, so this stays inside
        asked.kind = NAMESERVER
    elif label[0] > 7 and folded(label + 1, b"recheck-", 8):
        if query[2] & 0x01:
            asked.kind, asked.number = RCODE, 3
        else:
            asked.kind = EXISTS             # to its authority: the resolver that recursed has lied
    while tail is not NULL and label < tail:
        read_label(label, asked)
        label += 1 + label[0]


cdef Act meet(Zone *zone, Asked *asked, uint64_t hashed) noexcept nogil:
    """What becomes of this query; a trouble whose times are over is forgotten."""
    if PLAIN < asked.kind < BY_TIMES:
        if asked.number >= 0 and times_asked(zone, hashed) >= asked.number:
            asked.kind = EXISTS             # over
        elif asked.kind == DROP:
            return SILENCE
        elif asked.kind == SHUT:
            return CLOSE
        elif asked.kind == CUT:
            return RESET
    if zone.loss_below and chance(zone) < zone.loss_below:
        return SILENCE
    return ANSWER


cdef void spoil(Asked *asked, uint8_t *out, Reply *reply) noexcept nogil:
    """The troubles that are done to a finished response."""
    if asked.kind == TWICE:
        reply.copies = 2
    elif asked.kind == WRONGID:
        out[0] ^= 0x55
    elif asked.kind == QR0:
        out[2] &= 0x7F
    elif asked.kind == LIE:                     # the answer to another question, one letter away
        out[13] = b"z" if out[13] != b"z" else b"y"
    elif asked.kind == SHORT:                   # the counts promise more than there is
        reply.size -= 5
    elif asked.kind == GARBAGE:                 # our ID, and then nothing that makes sense
        memset(out + 2, 0xA7, reply.size - 2)


cdef void refuse(const uint8_t *query, uint8_t *out, Reply *reply) noexcept nogil:
    """FORMERR with no question, for a header that asks nothing."""
    memcpy(out, query, 2)
    memcpy(out + 2, b"\x80\x81\x00\x00\x00\x00\x00\x00\x00\x00", 10)
    out[2] |= query[2] & 0x79
    reply.size = 12


cdef void reply_to(Zone *zone, const uint8_t *query, Py_ssize_t size, bint stream, uint8_t *out,
                   Reply *reply) noexcept nogil:
    """Answer one message. `out` has RESPONSE_MAX octets; `reply` says what to do with them."""
    cdef Asked asked
    cdef uint64_t hashed
    cdef const uint8_t *tail
    cdef Py_ssize_t end, limit
    cdef int rcode = 0
    cdef bint edns
    cdef uint8_t *at
    reply.act, reply.size, reply.copies, reply.delay_ms = SILENCE, 0, 1, 0
    if size < 12 or query[2] & 0x80:            # no header, or no query: to answer would invite a loop
        return
    end = name_end(query, size, &hashed, &tail) if u16(query + 4) == 1 else 0
    if end == 0 or end + 4 > size or query[2] & 0x78:
        refuse(query, out, reply)
        reply.act = ANSWER
        return
    end += 4
    asked.kind, asked.number, asked.delay_ms = PLAIN, -1, 0
    read_labels(query, tail, end - 4, &asked)
    reply.act = meet(zone, &asked, hashed)
    if reply.act != ANSWER:
        return
    reply.delay_ms = zone.delay_least_ms + asked.delay_ms
    if zone.delay_span_ms:
        reply.delay_ms += chance(zone) % (zone.delay_span_ms + 1)
    edns = u16(query + 10) > 0 and end + 11 <= size and query[end] == 0 and u16(query + end + 1) == TYPE_OPT
    limit = RESPONSE_MAX if stream else max(UDP_PLAIN, u16(query + end + 3)) if edns else UDP_PLAIN
    memcpy(out, query, end)
    out[2] = 0x80 | query[2] & 0x01             # QR, and RD as it came
    out[3] = 0x80                               # RA
    if not query[2] & 0x01:                     # who asks for no recursion asks the authority: AA, and no RA
        out[2], out[3] = 0x84, 0
    memset(out + 6, 0, 6)
    if asked.kind == EDNS_FORMERR and edns:
        rcode, edns = 1, False
        at = out + end
    else:
        at = put_body(zone, &asked, out, end, hashed, &rcode)
    if edns:
        at = put_opt(out, at, rcode)
    elif rcode > 15:                            # only OPT can say it (RFC 6891 section 6.1.3)
        rcode = 2
    reply.size = at - out
    if not stream and (asked.kind == TRUNCATE or reply.size > limit):
        out[2] |= 0x02                          # TC: the records are left out
        memset(out + 6, 0, 6)
        reply.size = end
    out[3] |= rcode & 0x0F
    spoil(&asked, out, reply)


def answer(bytes query, double nx=0.05, bint stream=True) -> bytes | None:
    """The lab's response to one message without its length, None for silence or a closed connection. For tests."""
    cdef Zone zone
    cdef Reply reply
    cdef uint8_t out[RESPONSE_MAX]
    if not open_zone(&zone, nx, 0, 0, 0, 1):
        raise MemoryError
    reply_to(&zone, query, len(query), stream, out, &reply)
    close_zone(&zone)
    return out[:reply.size] if reply.act == ANSWER else None
