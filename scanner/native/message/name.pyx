# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Text to the name on the wire and back, and whether two names are the same."""

from libc.string cimport memcmp, memcpy

from scanner.native.message.letters cimport WORD, differs_in_case_alone, word_at

cdef uint8_t LETTER_DIGIT_HYPHEN[256]   # 1 = may stand in a plain name; `_` too (RFC 8552); never written after import

cdef int _octet
for _octet in range(256):
    LETTER_DIGIT_HYPHEN[_octet] = chr(_octet).isascii() and (chr(_octet).isalnum() or chr(_octet) in "-_")


cdef int qname_from_text(const uint8_t *text, Py_ssize_t length, uint8_t *qname) noexcept nogil:
    """A plain ASCII name, with or without its trailing dot, as wire octets in `qname` (QNAME_MAX + 1 long).

    Returns their count, or 0 when the text is not a plain name: Python's `classify_line` then finds out what it is.
    """
    cdef Py_ssize_t at = 1, start = 0
    if length == 0 or length > TEXT_MAX:
        return 0
    if text[length - 1] == b".":
        length -= 1
    if length == 0 or length > TEXT_MAX - 1:
        return 0
    memcpy(qname + 1, text, length)
    qname[length + 1] = 0                           # may not stand in a name: each label ends before it
    while at <= length:
        while LETTER_DIGIT_HYPHEN[qname[at]]:
            at += 1
        if not 0 < at - start - 1 <= 63 or (qname[at] != b"." and at <= length):
            return 0
        qname[start] = <uint8_t>(at - start - 1)
        start = at
        at += 1
    return <int>(length + 2) if start == length + 1 else 0


cdef Py_ssize_t text_from_qname(const uint8_t *qname, Py_ssize_t length, char *text) noexcept nogil:
    """The inverse for a qname that `qname_from_text` made; returns the characters written, no trailing dot."""
    cdef Py_ssize_t at
    if length <= 1:
        text[0] = b"."
        return 1
    memcpy(text, qname + 1, length - 2)
    at = 1 + qname[0]
    while at < length - 1:
        text[at - 1] = b"."
        at += 1 + qname[at]
    return length - 2


cdef bint same_name(const uint8_t *a, const uint8_t *b, Py_ssize_t length) noexcept nogil:
    """Equal but for ASCII case (RFC 4343). Length octets are below 64, so folding leaves them alone."""
    if memcmp(a, b, length) == 0:
        return True
    while length > 0:
        if not differs_in_case_alone(word_at(a, length), word_at(b, length)):
            return False
        a, b, length = a + WORD, b + WORD, length - WORD
    return True
