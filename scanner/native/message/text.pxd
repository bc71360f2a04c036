"""Writing presentation form, as it stands inside a JSON string, into borrowed room that is counted.

`left` counts down with every character, and what is taken back again is not given back: so whatever a message holds, its
text costs no more than what the text was allowed at first. Like the cursor it remembers that it was asked for too much.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

cdef enum:
    ESCAPED_MAX = 8             # characters of one octet, escaped

cdef struct Text:
    char *at                    # where the next character goes; ESCAPED_MAX are there beyond `left`
    Py_ssize_t left             # characters that may still be written; < 0: what is here is not whole

cdef struct Escape:             # how one octet is written
    char octets[ESCAPED_MAX]
    uint8_t length

ctypedef Escape Escapes[256]    # by octet

cdef Escapes OF_NAMES           # in a label (RFC 4343 section 2.1); never written after import
cdef Escapes OF_STRINGS         # in a quoted character-string (RFC 1035 section 5.1)
cdef Escapes OF_LISTS           # in a value of a quoted list of values (RFC 9460 appendix A.1)
cdef Escapes OF_TEXTS           # in a text without quotes around it

cdef inline bint claim(Text *text, Py_ssize_t count) noexcept nogil:
    """Count that many characters; False when they are too many."""
    text.left -= count
    return text.left >= 0

cdef inline bint has_room(Text *text, Py_ssize_t count) noexcept nogil:
    """For up to that many, which are not counted yet; nothing more is written where there is none."""
    if text.left < count:
        text.left = -1
    return text.left >= 0

cdef inline char *escaped(char *at, const uint8_t *octets, Py_ssize_t count, const Escape *escapes) noexcept nogil:
    """Each octet in its form; returns the place behind the last."""
    cdef Py_ssize_t index
    cdef const Escape *escape
    for index in range(count):
        escape = &escapes[octets[index]]
        memcpy(at, escape.octets, ESCAPED_MAX)
        at += escape.length
    return at

cdef inline void put(Text *text, const char *octets, Py_ssize_t count) noexcept nogil:
    if claim(text, count):
        memcpy(text.at, octets, count)
        text.at += count

cdef inline void put_one(Text *text, char octet) noexcept nogil:
    if claim(text, 1):
        text.at[0] = octet
        text.at += 1

cdef inline void put_space(Text *text) noexcept nogil:
    put_one(text, 32)

cdef inline void put_escaped(Text *text, const uint8_t *octets, Py_ssize_t count, const Escape *escapes) noexcept nogil:
    """Each octet in its form."""
    cdef char *at
    if has_room(text, count * ESCAPED_MAX):
        at = escaped(text.at, octets, count, escapes)
        text.left -= at - text.at
        text.at = at

cdef void put_decimal(Text *text, uint32_t number) noexcept nogil
cdef void put_pair(Text *text, int number) noexcept nogil
cdef void put_string(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil
cdef void put_hex(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil
cdef void put_base32(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil
cdef void put_base64(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil
cdef void put_ipv4(Text *text, const uint8_t *octets) noexcept nogil
cdef void put_ipv6(Text *text, const uint8_t *octets) noexcept nogil
