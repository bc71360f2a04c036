"""The owner of a record as the name that was asked, which nearly every answer's is: a pointer to the question, whose text
then is copied and not made anew."""

from libc.stdint cimport uint8_t

from scanner.native.message.cursor cimport Cursor, cursor_over
from scanner.native.message.name cimport text_from_qname
from scanner.native.message.text cimport Text, put
from scanner.native.output.details cimport HEADER_OCTETS
from scanner.native.output.framed cimport frame, frame_name, frame_quoted
from scanner.native.output.sections cimport begin_records

cdef struct Asked:
    char octets[256]            # a plain name: no octet of it needs to be escaped
    Py_ssize_t length           # 0 = there is no question to point to
    bint dot                    # names have their last dot

cdef inline void put_asked(Asked *asked, const Cursor *header, const uint8_t *qname, int qname_length,
                           bint dot) noexcept nogil:
    asked.dot, asked.length = dot, 0
    if header.message[5] and qname_length > 1:
        asked.length = text_from_qname(qname, qname_length, asked.octets)
        if dot:
            asked.octets[asked.length] = 46
            asked.length += 1

cdef inline Cursor records_of(Asked *asked, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                              bint dot) noexcept nogil:
    """At the first record of a response to that question, which `asked` is to be."""
    cdef Cursor cursor = cursor_over(message, HEADER_OCTETS, length)
    put_asked(asked, &cursor, qname, qname_length, dot)
    begin_records(&cursor)
    return cursor

cdef inline void frame_owner(Text *text, const Cursor *cursor, Py_ssize_t at, const Asked *asked) noexcept nogil:
    """The name at that offset, in quotes; null where it cannot be read."""
    cdef Cursor owner = cursor[0]
    cdef char *begun = text.at
    cdef bint is_asked = (asked.length > 0 and owner.message[at] == 0xC0 and owner.message[at + 1] == HEADER_OCTETS)
    if is_asked:
        frame(text, b'"')
        put(text, asked.octets, asked.length)
        frame_quoted(text, begun, True)
        return
    owner.at, owner.over = at, False
    frame_name(text, owner)
    if not asked.dot and (text.at - 1)[0] == 34:        # every name ends in its dot
        text.at -= 1
        (text.at - 1)[0] = 34
