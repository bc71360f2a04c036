# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Presentation form by type, one function for each layout; it reads down the RFC that each names."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc

from scanner.native.memory cimport checked_alloc
from scanner.native.message.compressed cimport put_name
from scanner.native.message.cursor cimport Cursor, cursor_over, refuse, take, u8, u16, u32, unread
from scanner.native.message.location cimport put_location
from scanner.native.message.records cimport CLASS_IN
from scanner.native.message.security cimport put_csync, put_key, put_nsec, put_nsec3, put_nsec3param, put_signature
from scanner.native.message.svcb cimport put_svcb
from scanner.native.message.text cimport (
    ESCAPED_MAX, OF_STRINGS, put, put_base64, put_decimal, put_escaped, put_hex, put_ipv4, put_ipv6, put_space, put_string,
)


cdef void put_rdata(Text *text, const uint8_t *message, const Record *record) noexcept nogil:
    cdef char *begun = text.at
    cdef Cursor rdata = cursor_over(message, record.rdata, record.rdata + record.size)
    if text.left >= 0 and put_known(&rdata, text, record.rtype, record.rclass):
        if not rdata.over and unread(&rdata) == 0 and text.left >= 0:
            return
        text.at = begun
    put_unknown(text, message + record.rdata, record.size)


cdef void put_unknown(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil:
    """RFC 3597 section 5. There is always room for this."""
    cdef Text apart
    apart.at, apart.left = text.at, UNKNOWN_MAX + 2 * count
    put(&apart, b"\\\\# ", 4)
    put_decimal(&apart, <uint32_t>count)
    if count:
        put_space(&apart)
        put_hex(&apart, octets, count)
    text.at = apart.at


cdef bint put_known(Cursor *rdata, Text *text, int rtype, int rclass) noexcept nogil:
    """False for a type that is not known here."""
    if rtype == 2 or rtype == 5 or rtype == 12:         # NS CNAME PTR: RFC 1035 section 3.3
        put_name(rdata, text, True)
    elif rtype == 6:
        put_soa(rdata, text)
    elif rtype == 15:                                   # MX
        put_numbers(rdata, text, 1)
        put_name(rdata, text, True)
    elif rtype == 16 or rtype == 99:                    # TXT SPF
        put_strings(rdata, text)
    elif rtype == 39:                                   # DNAME: RFC 6672 section 2.1
        put_name(rdata, text, False)
    elif rtype == 43 or rtype == 59:                    # DS CDS: RFC 4034 section 5.3, RFC 7344
        put_numbers(rdata, text, 1)
        put_octets(rdata, text, 2)
        put_rest_in_hex(rdata, text)
    elif rtype == 46:
        put_signature(rdata, text)
    elif rtype == 47:
        put_nsec(rdata, text)
    elif rtype == 48 or rtype == 60:
        put_key(rdata, text)
    elif rtype == 50:
        put_nsec3(rdata, text)
    elif rtype == 51:
        put_nsec3param(rdata, text)
    elif rtype == 257:
        put_caa(rdata, text)
    elif rclass == CLASS_IN and put_internet(rdata, text, rtype):
        return True
    else:
        return put_rare(rdata, text, rtype)
    return True


cdef bint put_internet(Cursor *rdata, Text *text, int rtype) noexcept nogil:
    """Types that only class IN has."""
    cdef const uint8_t *octets
    if rtype == 1:                                      # A
        octets = take(rdata, 4)
        if octets is not NULL:
            put_ipv4(text, octets)
    elif rtype == 28:                                   # AAAA: RFC 3596
        octets = take(rdata, 16)
        if octets is not NULL:
            put_ipv6(text, octets)
    elif rtype == 33:                                   # SRV: RFC 2782
        put_numbers(rdata, text, 3)
        put_name(rdata, text, True)
    elif rtype == 35:                                   # NAPTR: RFC 3403 section 4.1
        put_numbers(rdata, text, 2)
        put_counted(rdata, text)
        put_space(text)
        put_counted(rdata, text)
        put_space(text)
        put_counted(rdata, text)
        put_space(text)
        put_name(rdata, text, True)
    elif rtype == 64 or rtype == 65:
        put_svcb(rdata, text)
    else:
        return False
    return True


cdef bint put_rare(Cursor *rdata, Text *text, int rtype) noexcept nogil:
    if rtype == 13:                                     # HINFO
        put_counted(rdata, text)
        put_space(text)
        put_counted(rdata, text)
    elif rtype == 17:                                   # RP: RFC 1183 section 2.2
        put_name(rdata, text, True)
        put_space(text)
        put_name(rdata, text, True)
    elif rtype == 29:
        put_location(rdata, text)
    elif rtype == 44:                                   # SSHFP: RFC 4255 section 3.2
        put_octets(rdata, text, 2)
        put_rest_in_hex(rdata, text)
    elif rtype == 52 or rtype == 53:                    # TLSA SMIMEA: RFC 6698 section 2.2, RFC 8162
        put_octets(rdata, text, 3)
        put_rest_in_hex(rdata, text)
    elif rtype == 61:                                   # OPENPGPKEY: RFC 7929 section 2.3
        put_rest_in_base64(rdata, text)
    elif rtype == 62:
        put_csync(rdata, text)
    elif rtype == 63:                                   # ZONEMD: RFC 8976 section 2.3
        put_decimal(text, u32(rdata))
        put_space(text)
        put_octets(rdata, text, 2)
        put_rest_in_hex(rdata, text)
    elif rtype == 256:                                  # URI: RFC 7553 section 4.2
        put_numbers(rdata, text, 2)
        put_rest_quoted(rdata, text, 1)
    else:
        return False
    return True


# -- parts --


cdef void put_numbers(Cursor *rdata, Text *text, int count) noexcept nogil:
    """So many of 16 bits, each with a space behind it."""
    while count:
        put_decimal(text, u16(rdata))
        put_space(text)
        count -= 1


cdef void put_octets(Cursor *rdata, Text *text, int count) noexcept nogil:
    """So many of 8 bits, each with a space behind it."""
    while count:
        put_decimal(text, u8(rdata))
        put_space(text)
        count -= 1


cdef void put_counted(Cursor *rdata, Text *text) noexcept nogil:
    """One character-string, quoted."""
    cdef int size = u8(rdata)
    cdef const uint8_t *octets = take(rdata, size)
    if octets is not NULL:
        put_string(text, octets, size)


cdef void put_strings(Cursor *rdata, Text *text) noexcept nogil:
    """One or more."""
    put_counted(rdata, text)
    while unread(rdata):
        put_space(text)
        put_counted(rdata, text)


cdef const uint8_t *take_rest(Cursor *rdata, Py_ssize_t least) noexcept nogil:
    """All that is left; NULL where that is less than `least`."""
    if unread(rdata) >= least and not rdata.over:
        return take(rdata, unread(rdata))
    refuse(rdata)
    return NULL


cdef void put_rest_in_hex(Cursor *rdata, Text *text) noexcept nogil:
    """At least an octet: nothing at all has no presentation form."""
    cdef Py_ssize_t count = unread(rdata)
    cdef const uint8_t *octets = take_rest(rdata, 1)
    if octets is not NULL:
        put_hex(text, octets, count)


cdef void put_rest_in_base64(Cursor *rdata, Text *text) noexcept nogil:
    """At least an octet."""
    cdef Py_ssize_t count = unread(rdata)
    cdef const uint8_t *octets = take_rest(rdata, 1)
    if octets is not NULL:
        put_base64(text, octets, count)


cdef void put_rest_quoted(Cursor *rdata, Text *text, Py_ssize_t least) noexcept nogil:
    cdef Py_ssize_t count = unread(rdata)
    cdef const uint8_t *octets = take_rest(rdata, least)
    if octets is not NULL:
        put_string(text, octets, count)


cdef void put_soa(Cursor *rdata, Text *text) noexcept nogil:
    """RFC 1035 section 3.3.13."""
    cdef int index
    put_name(rdata, text, True)
    put_space(text)
    put_name(rdata, text, True)
    for index in range(5):
        put_space(text)
        put_decimal(text, u32(rdata))


cdef void put_caa(Cursor *rdata, Text *text) noexcept nogil:
    """RFC 8659 section 4.1: the tag is letters and digits."""
    cdef int index, size, folded
    cdef const uint8_t *tag
    put_octets(rdata, text, 1)
    size = u8(rdata)
    tag = take(rdata, size)
    if size == 0:
        refuse(rdata)
    if rdata.over:
        return
    for index in range(size):
        folded = tag[index] | 0x20
        if not (97 <= folded <= 122 or 48 <= tag[index] <= 57):
            refuse(rdata)
            return
    put_escaped(text, tag, size, OF_STRINGS)
    put_space(text)
    put_rest_quoted(rdata, text, 0)


def rdata_text(bytes message, Py_ssize_t at, Py_ssize_t size, int rtype, int rclass=1, Py_ssize_t room=1 << 20) -> str:
    """Of `size` octets of a message, as a JSON string holds it; at most `room` characters unless it is `\\# LENGTH HEX`."""
    cdef Record record
    cdef Text text
    cdef char *octets
    if not 0 <= at <= at + size <= len(message):
        raise ValueError("not inside the message")
    record.rtype, record.rclass, record.rdata, record.size = rtype, rclass, at, size
    octets = <char *>checked_alloc(malloc(room + UNKNOWN_MAX + 2 * size + ESCAPED_MAX))
    try:
        text.at, text.left = octets, room
        put_rdata(&text, message, &record)
        return octets[:text.at - octets].decode("ascii")
    finally:
        free(octets)
