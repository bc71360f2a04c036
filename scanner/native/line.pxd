"""The sheet of finished lines that sessions write and the sink takes.

`octets[0:used]` holds whole lines only, whenever Python code can look; `begin` makes room for one more.
"""

from libc.string cimport memcpy

cdef class Lines:
    cdef char *octets
    cdef readonly Py_ssize_t used   # octets of whole lines not yet taken
    cdef Py_ssize_t room            # octets allocated
    cdef readonly Py_ssize_t limit  # octets at which no new name is started until the sink takes them
    cdef public bint behind         # set by the sink: the writer is too far behind; nothing is sent

    cdef char *begin(self, Py_ssize_t most) except NULL nogil
    cdef inline void end(self, char *at) noexcept nogil:
        self.used = at - self.octets

cdef struct Text:               # octets that somebody else keeps alive
    const char *octets
    Py_ssize_t length

cdef inline void *sure(void *memory) except NULL nogil:
    """What malloc and its kin gave, unless that was nothing."""
    if memory is NULL:
        with gil:
            raise MemoryError
    return memory

cdef inline Text text_of(bytes octets):
    cdef Text text
    text.octets, text.length = octets, len(octets)
    return text

cdef inline char *put_text(char *at, Text text) noexcept nogil:
    memcpy(at, text.octets, text.length)
    return at + text.length

cdef char *put_number(char *at, long long number) noexcept nogil
