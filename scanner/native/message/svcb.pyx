# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Service bindings: a priority, a target, and parameters whose values are written each in its own way, always quoted."""

from libc.stdint cimport uint8_t
from libc.string cimport strlen

from scanner.native.message.compressed cimport put_name
from scanner.native.message.cursor cimport refuse, take, u8, u16, unread
from scanner.native.message.text cimport (
    OF_LISTS, OF_STRINGS, put, put_base64, put_decimal, put_escaped, put_ipv4, put_ipv6, put_one, put_space,
)

cdef enum Key:                  # section 14.3.2, RFC 9461, RFC 9540, RFC 9953
    MANDATORY
    ALPN
    NO_DEFAULT_ALPN
    PORT
    IPV4HINT
    ECH
    IPV6HINT
    DOHPATH
    OHTTP
    UNNAMED
    DOCPATH
    KEYS

cdef const char *NAMES[KEYS]    # by Key; "" = it has none
NAMES[:] = [b"mandatory", b"alpn", b"no-default-alpn", b"port", b"ipv4hint", b"ech", b"ipv6hint", b"dohpath", b"ohttp", b"",
            b"docpath"]


cdef void put_key(Text *text, int key) noexcept nogil:
    if key < KEYS and NAMES[key][0]:
        put(text, NAMES[key], strlen(NAMES[key]))
        return
    put(text, b"key", 3)
    put_decimal(text, key)


cdef inline bint is_bare(int key) noexcept nogil:
    """A key that never has a value."""
    return key == NO_DEFAULT_ALPN or key == OHTTP


cdef inline bint may_be_empty(int key) noexcept nogil:
    return is_bare(key) or key == DOHPATH or key == UNNAMED or key >= DOCPATH


cdef void put_keys(Cursor *value, Text *text) noexcept nogil:
    """Those that are mandatory (section 8): going up, and not this one."""
    cdef int key, last = MANDATORY
    while unread(value):
        key = u16(value)
        if key <= last:
            refuse(value)
            return
        if last != MANDATORY:
            put_one(text, 44)
        put_key(text, key)
        last = key


cdef void put_list(Cursor *value, Text *text) noexcept nogil:
    """Strings, none of them empty."""
    cdef int size
    cdef bint first = True
    cdef const uint8_t *octets
    while unread(value):
        size = u8(value)
        octets = take(value, size)
        if size == 0 or octets is NULL:
            refuse(value)
            return
        if not first:
            put_one(text, 44)
        put_escaped(text, octets, size, OF_LISTS)
        first = False


cdef void put_addresses(Cursor *value, Text *text, int size) noexcept nogil:
    cdef const uint8_t *octets = take(value, size)
    while octets is not NULL:
        if size == 4:
            put_ipv4(text, octets)
        else:
            put_ipv6(text, octets)
        if unread(value) == 0:
            return
        put_one(text, 44)
        octets = take(value, size)


cdef void put_configurations(Cursor *value, Text *text) noexcept nogil:
    """An ECHConfigList, which begins with its length (RFC 9848 section 3)."""
    cdef Py_ssize_t count = unread(value)
    cdef const uint8_t *octets = value.message + value.at
    if count < 6 or octets[0] << 8 | octets[1] != count - 2:
        refuse(value)
        return
    put_base64(text, take(value, count), count)


cdef void put_value(Cursor *value, Text *text, int key) noexcept nogil:
    cdef Py_ssize_t count = unread(value)
    if key == MANDATORY:
        put_keys(value, text)
    elif key == ALPN or key == DOCPATH:
        put_list(value, text)
    elif key == PORT:
        put_decimal(text, u16(value))
    elif key == IPV4HINT:
        put_addresses(value, text, 4)
    elif key == IPV6HINT:
        put_addresses(value, text, 16)
    elif key == ECH:
        put_configurations(value, text)
    elif is_bare(key):
        refuse(value)
    else:
        put_escaped(text, take(value, count), count, OF_STRINGS)


cdef void put_svcb(Cursor *rdata, Text *text) noexcept nogil:
    """Keys go up (section 2.2); AliasMode with parameters, which its readers ignore, is written as it came."""
    cdef int key, size, last = -1
    cdef Cursor value
    put_decimal(text, u16(rdata))
    put_space(text)
    put_name(rdata, text, False)
    while unread(rdata):
        key, size = u16(rdata), u16(rdata)
        value.message, value.at, value.end, value.over = rdata.message, rdata.at, rdata.at + size, False
        if take(rdata, size) is NULL or key <= last or (size == 0 and not may_be_empty(key)):
            refuse(rdata)
            return
        last = key
        put_space(text)
        put_key(text, key)
        if size == 0:
            continue
        put(text, b'=\\"', 3)
        put_value(&value, text, key)
        put(text, b'\\"', 2)
        if value.over or unread(&value):
            refuse(rdata)
            return
