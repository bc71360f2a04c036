# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Cutting a line into columns. It knows nothing of names and types; what it finds are places in the line."""

cimport cython
from libc.string cimport memchr, memcmp, memset

from scanner.native.input.lines cimport LINE_MAX

cdef enum:
    TAB = 9
    LF = 10
    CR = 13
    SPACE = 32
    QUOTE = 34
    COMMA = 44

WORDS = ("-", "name", "type", "meta", "resolver")
assert len(WORDS) == COLUMN_COUNT


cdef inline bint is_blank(uint8_t octet) noexcept nogil:
    return octet == SPACE or octet == TAB or octet == CR


@cython.final
cdef class Columns:
    """`words` are those of WORDS, one for each column; what stands behind the last one is ignored, unless that is `meta`,
    which then is all the rest. `separator` is one character, a space for blanks; without one it is the first of comma,
    tab, blanks that a line has. Double quotes around a name, type or resolver are no part
    of it."""

    def __cinit__(self, words, str separator=""):
        cdef int index
        self.count = <int>len(words)
        if not 0 < self.count <= COLUMNS_MAX:
            raise ValueError(f"1 to {COLUMNS_MAX} columns")
        for index in range(self.count):
            self.order[index] = <Column><int>WORDS.index(words[index])
        self.separator = ord(separator) if separator else 0
        self.with_type, self.with_resolver = "type" in words, "resolver" in words

    def name_span(self, bytes line not None) -> tuple | None:
        """Where the name begins and ends in a line; None where that has none."""
        cdef Parts parts
        cdef const uint8_t *begun = line
        cdef Py_ssize_t first
        self.cut_stripped(begun, len(line), &parts)
        if parts.of_column[<int>NAME].at is NULL:
            return None
        first = parts.of_column[<int>NAME].at - begun
        return first, first + parts.of_column[<int>NAME].length

    def resolvers_in(self, bytes lines not None) -> set:
        """What stands in the column of resolvers, each text once; comments and lines that are too long are none."""
        cdef Parts parts
        cdef const uint8_t *at = lines
        cdef const uint8_t *end = at + len(lines)
        cdef const uint8_t *stop
        cdef Part *part = &parts.of_column[<int>RESOLVER]
        cdef Part before
        cdef set found = set()
        before.at, before.length = at, 0
        while at < end:
            stop = <const uint8_t *>memchr(at, LF, end - at)
            if stop is NULL:
                stop = end
            if at[0] != b"#" and stop - at <= LINE_MAX:
                self.cut_stripped(at, stop - at, &parts)
                if part.length and (part.length != before.length or memcmp(part.at, before.at, part.length) != 0):
                    found.add(part.at[:part.length])
                    before = part[0]
            at = stop + 1
        return found

    cdef void cut_stripped(self, const uint8_t *text, Py_ssize_t length, Parts *parts) noexcept nogil:
        """The same of a line as it stands."""
        while length and (is_blank(text[length - 1]) or text[length - 1] == LF):
            length -= 1
        while length and is_blank(text[0]):
            text, length = text + 1, length - 1
        self.cut(text, length, parts)

    cdef void cut(self, const uint8_t *text, Py_ssize_t length, Parts *parts) noexcept nogil:
        """Find the columns of a line without blanks around it."""
        cdef const uint8_t *end = text + length
        cdef const uint8_t *at = text
        cdef const uint8_t *stop
        cdef uint8_t separator = self.separator or separator_of(text, length)
        cdef Part part
        cdef int index
        memset(parts, 0, sizeof(Parts))
        for index in range(self.count):
            while at < end and is_blank(at[0]) and at[0] != separator:
                at += 1
            stop = end if self.order[index] == META and index + 1 == self.count else end_of_column(at, end, separator)
            part.at, part.length = at, stop - at
            while part.length and is_blank(part.at[part.length - 1]):
                part.length -= 1
            if self.order[index] != META and part.length > 1 and part.at[0] == QUOTE and part.at[part.length - 1] == QUOTE:
                part.at, part.length = part.at + 1, part.length - 2
            parts.of_column[<int>self.order[index]] = part
            if stop == end:
                return
            at = stop + 1
            while separator == SPACE and at < end and is_blank(at[0]):
                at += 1


cdef uint8_t separator_of(const uint8_t *text, Py_ssize_t length) noexcept nogil:
    """The first of these that the line has."""
    if memchr(text, COMMA, length) is not NULL:
        return COMMA
    return TAB if memchr(text, TAB, length) is not NULL else SPACE


cdef const uint8_t *end_of_column(const uint8_t *at, const uint8_t *end, uint8_t separator) noexcept nogil:
    """The separator behind it, or the line's end. In quotes (RFC 4180) it is no separator."""
    cdef const uint8_t *begun = at
    if at < end and at[0] == QUOTE:
        at += 1
        while at < end and not (at[0] == QUOTE and (at + 1 == end or is_between(at[1], separator))):
            at += 1
        at = begun if at == end else at + 1
    while at < end and not is_separator(at[0], separator):
        at += 1
    return at


cdef inline bint is_separator(uint8_t octet, uint8_t separator) noexcept nogil:
    return octet == separator or (separator == SPACE and octet == TAB)


cdef inline bint is_between(uint8_t octet, uint8_t separator) noexcept nogil:
    """What may stand behind a quote that ends a column."""
    return octet == separator or is_blank(octet)
