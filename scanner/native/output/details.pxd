"""From a response to what its line says of it. No Python object is touched and nothing grows: there is room for TEXT_MAX
characters in which names and records are spelled out, and behind it for all of them as `\\# LENGTH HEX`, which is what a
hostile message gets once it has used up the first."""

from libc.stdint cimport uint8_t

from scanner.native.message.text cimport Text
from scanner.native.output.buffer cimport Span

cdef enum:
    TEXT_MAX = 3 << 18          # characters that are spelled out for one response: its octets escaped twice take 655,350
    FRAMES_MAX = 3 << 19        # beyond: hex of each octet three times, at most 15 for each octet of a record or option,
                                # the chain of aliases, the message in base64
    HEADER_OCTETS = 12
    MESSAGE_MAX = 65535         # octets

cdef class ResponseDetails:
    cdef char *octets           # owned: TEXT_MAX + FRAMES_MAX, NULL where nothing is wanted
    cdef uint8_t *copy          # owned: MESSAGE_MAX; a message that came with its question in another case
    cdef Text text              # what is being written
    cdef Span said              # of the last response: what its server says of it, the end of a sentence
    cdef readonly bint wanted   # a line says something of a response; constant

    cdef inline Span said_beside(self, Span details) noexcept nogil:
        """Nothing, where these are of no response."""
        cdef Span said = self.said
        if details.octets - said.length != said.octets:
            said.octets, said.length = details.octets, 0
        return said

    cdef int make_room(self) except -1
    cdef Span json(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                   int qtype) noexcept nogil
    cdef void put_all(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                      int qtype) noexcept nogil
    cdef const uint8_t *as_asked(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname,
                                 int qname_length) noexcept nogil
