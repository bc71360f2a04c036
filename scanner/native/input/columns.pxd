"""The columns of an input line: where its name, its type, its resolver and its metadata stand."""

from libc.stdint cimport uint8_t

cdef enum:
    COLUMNS_MAX = 32

cdef enum Column:           # the order of WORDS
    IGNORED
    NAME
    TYPE
    META
    RESOLVER
    COLUMN_COUNT

cdef struct Part:
    const uint8_t *at       # in the line; NULL: the line has no such column
    Py_ssize_t length

cdef struct Parts:
    Part of_column[5]       # by Column

cdef class Columns:
    cdef Column order[COLUMNS_MAX]      # what stands first, second, ...
    cdef int count
    cdef uint8_t separator              # SPACE = blanks, however many; 0 = of each line's own
    cdef readonly bint with_type
    cdef readonly bint with_resolver

    cdef void cut(self, const uint8_t *text, Py_ssize_t length, Parts *parts) noexcept nogil
    cdef void cut_stripped(self, const uint8_t *text, Py_ssize_t length, Parts *parts) noexcept nogil
