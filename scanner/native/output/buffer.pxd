"""The line buffer: finished lines of one engine until the sink takes them, and how octets are put into it.

`octets[0:used]` holds whole lines only, whenever Python code can look; `begin` makes room for one more.
"""

from libc.string cimport memcpy

cdef class LineBuffer:
    cdef char *octets
    cdef readonly Py_ssize_t used   # octets of whole lines not yet taken
    cdef Py_ssize_t room            # octets allocated
    cdef readonly Py_ssize_t limit  # octets at which no new job is started until the lines are taken

    cdef char *begin(self, Py_ssize_t most) except NULL nogil
    cdef int add(self, bytes line) except -1
    cdef inline void end(self, char *at) noexcept nogil:
        self.used = at - self.octets

cdef struct Span:               # octets that another object keeps alive
    const char *octets
    Py_ssize_t length

cdef inline Span span_of(bytes octets):
    cdef Span span
    span.octets, span.length = octets, len(octets)
    return span

cdef inline char *put(char *at, const char *octets, Py_ssize_t length) noexcept nogil:
    memcpy(at, octets, length)
    return at + length

cdef inline char *put_span(char *at, Span span) noexcept nogil:
    if span.length:
        memcpy(at, span.octets, span.length)
    return at + span.length

cdef char *put_digits(char *at, long long number) noexcept nogil

cdef inline char *put_number(char *at, long long number) noexcept nogil:
    """A non-negative number in decimal; returns the place behind it."""
    if number > 9:
        return put_digits(at, number)
    at[0] = <char>(48 + (number if number > 0 else 0))      # most are
    return at + 1
