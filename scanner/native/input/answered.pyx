# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""Reads result lines and remembers which input lines they answer. 10 million lines cost 1.25 MB.

Keys are found as octets: inside a JSON text every quote is escaped, so `,"n":` stands nowhere else.
"""

from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memchr, memcmp, memset

from scanner.native.input.json_line cimport is_json_object
from scanner.native.memory cimport checked_alloc

cdef extern from "<string.h>" nogil:
    void *memmem(const void *hay, size_t hay_size, const void *needle, size_t size)

cdef dict SIGNS = {             # by format: how a line begins, and what stands before the type that it answers
    "compact": (b'{"d":"', b',"t":"'), "massdns": (b'{"name":"', b',"type":"'), "zdns": (b'{"name":"', b',"results":{"'),
}
cdef const int64_t LINES_MAX = 1 << 40      # a number beyond is damage, not a line


cdef class Answered:
    """The bitmap. `types` are the record types of the scan; with one of them, lines need not name it, and with none each
    input line has its own. Lines have a format of SIGNS."""

    def __cinit__(self, types, str format="compact"):
        self.begin, self.before_type = SIGNS[format]
        self.type_indexes = {name.encode(): index for index, name in enumerate(types)}
        self.type_count = max(<int>len(types), 1)
        self.torn = b""

    def __dealloc__(self):
        cdef int64_t page
        for page in range(self.page_count):
            free(self.pages[page])
        free(self.pages)

    def read(self, bytes octets not None) -> None:
        """More of a result file, cut anywhere. Raises ValueError, with the offending line's number, for a line that is
        no result with its input line number, or the second result of one."""
        cdef bytes block = self.torn + octets if self.torn else octets
        cdef const char *at = block
        cdef const char *end = at + len(block)
        cdef const char *newline
        while True:
            newline = <const char *>memchr(at, 10, end - at)
            if newline is NULL:
                break
            self.mark(at, newline - at)
            self.octets += newline + 1 - at
            at = newline + 1
        self.torn = at[:end - at]

    def has_line(self, int64_t line, int type_index=0) -> bool:
        """True when the line (from 1) has a result for the type."""
        return self.has(line, type_index)

    cdef int mark(self, const char *line, Py_ssize_t length) except -1:
        cdef const char *at = <const char *>memmem(line, length, b',"n":', 5)
        cdef const char *end = line + length
        cdef int64_t number = 0, bit
        cdef int index = self.type_index(line, length)
        if length < 7 or length < len(self.begin) or memcmp(line, <const char *>self.begin, len(self.begin)) != 0 or (end - 1)[0] != b"}" or at is NULL or index < 0:
            raise ValueError(self.count + 1, "is not a result with its input line number (field n)")
        at += 5
        while at < end and 48 <= at[0] <= 57 and number < LINES_MAX:
            number = number * 10 + at[0] - 48
            at += 1
        if not 0 < number < LINES_MAX or not (at[0] == b"," or at[0] == b"}"):
            raise ValueError(self.count + 1, "has no good input line number (field n)")
        if not is_json_object(<const uint8_t *>line, <const uint8_t *>end):
            raise ValueError(self.count + 1, "is damaged: it is not JSON")
        if self.has(number, index):
            raise ValueError(self.count + 1, f"is the second result of input line {number}")
        bit = (number - 1) * self.type_count + index
        self.page_of(bit)[bit >> 3 & (PAGE - 1)] |= 1 << (bit & 7)
        self.count += 1
        return 0

    cdef uint8_t *page_of(self, int64_t bit) except NULL:
        """The page that has the bit, made where there is none."""
        cdef int64_t page = bit >> PAGE_SHIFT, count
        if page >= self.page_count:
            count = max(2 * self.page_count, page + 1)
            self.pages = <uint8_t **>checked_alloc(realloc(self.pages, count * sizeof(self.pages[0])))
            memset(self.pages + self.page_count, 0, (count - self.page_count) * sizeof(self.pages[0]))
            self.page_count = count
        if self.pages[page] is NULL:
            self.pages[page] = <uint8_t *>checked_alloc(calloc(1, PAGE))
        return self.pages[page]

    cdef int type_index(self, const char *line, Py_ssize_t length) except -2:
        """Which of the types the line answers; -1 when it does not say."""
        cdef const char *at = <const char *>memmem(line, length, <const char *>self.before_type, len(self.before_type))
        cdef const char *end
        if at is NULL or not self.type_indexes:
            return 0 if self.type_count == 1 else -1
        at += len(self.before_type)
        end = <const char *>memchr(at, b'"', line + length - at)
        return -1 if end is NULL else self.type_indexes.get(at[:end - at], -1)
