"""JSON around the text of a message: what always has room behind the text that is counted (`Text.left`). A frame is short
whatever the message holds; what may be long in it is text."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy, strlen

from scanner.native.message.compressed cimport put_name
from scanner.native.message.cursor cimport Cursor
from scanner.native.message.rdata cimport put_rdata
from scanner.native.message.records cimport CLASS_IN, Record
from scanner.native.message.text cimport OF_TEXTS, Text, put_decimal, put_escaped
from scanner.native.message.types cimport put_type

cdef inline void frame(Text *text, const char *octets) noexcept nogil:
    cdef size_t count = strlen(octets)
    memcpy(text.at, octets, count)
    text.at += count

cdef inline void frame_number(Text *text, uint32_t number) noexcept nogil:
    cdef Text apart
    apart.at, apart.left = text.at, 10
    put_decimal(&apart, number)
    text.at = apart.at

cdef inline void frame_type(Text *text, int rtype) noexcept nogil:
    cdef Text apart
    apart.at, apart.left = text.at, 10
    put_type(&apart, rtype)
    text.at = apart.at

cdef inline void frame_class(Text *text, int rclass) noexcept nogil:
    """Its mnemonic (RFC 6895 section 3.2); `CLASS2` where there is none (RFC 3597)."""
    if rclass == CLASS_IN:
        frame(text, b"IN")
    elif rclass == 3:
        frame(text, b"CH")
    elif rclass == 4:
        frame(text, b"HS")
    elif rclass == 254:
        frame(text, b"NONE")
    elif rclass == 255:
        frame(text, b"ANY")
    else:
        frame(text, b"CLASS")
        frame_number(text, rclass)

cdef inline void frame_quoted(Text *text, char *begun, bint whole) noexcept nogil:
    """Closes the quotes that were opened at `begun`; null where what stands in them is not whole."""
    if whole and text.left >= 0:
        frame(text, b'"')
        return
    text.at = begun
    frame(text, b"null")

cdef inline void frame_name(Text *text, Cursor cursor) noexcept nogil:
    """The name at the cursor; null where it cannot be read."""
    cdef char *begun = text.at
    frame(text, b'"')
    put_name(&cursor, text, True)
    frame_quoted(text, begun, not cursor.over)

cdef inline void frame_text(Text *text, const uint8_t *octets, Py_ssize_t count) noexcept nogil:
    cdef char *begun = text.at
    frame(text, b'"')
    put_escaped(text, octets, count, OF_TEXTS)
    frame_quoted(text, begun, True)

cdef inline void frame_rdata(Text *text, const uint8_t *message, const Record *record) noexcept nogil:
    frame(text, b'"')
    put_rdata(text, message, record)
    frame(text, b'"')

cdef inline void frame_comma(Text *text) noexcept nogil:
    """Between the members of a list or of an object."""
    if (text.at - 1)[0] != 91 and (text.at - 1)[0] != 123:
        frame(text, b",")
