# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""What every format needs to tell of a response: room, and the message in the letters of the input."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy

from scanner.native.memory cimport checked_alloc
from scanner.native.message.name cimport qname_from_text


cdef class ResponseDetails:
    """This one tells nothing; a format that has something to tell makes room and puts it there."""

    def __dealloc__(self):
        free(self.octets)
        free(self.copy)

    cdef int make_room(self) except -1:
        self.octets = <char *>checked_alloc(malloc(TEXT_MAX + FRAMES_MAX))
        self.copy = <uint8_t *>checked_alloc(malloc(MESSAGE_MAX))
        self.wanted = True
        return 0

    cdef Span json(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                   int qtype) noexcept nogil:
        """Members of an object, each after a comma, good until the next one. `message` is a response to that question."""
        cdef Span span
        self.text.at, self.text.left = self.octets, TEXT_MAX
        self.put_all(message, length, qname, qname_length, qtype)
        span.octets = self.octets + self.said.length
        span.length = self.text.at - span.octets
        return span

    cdef void put_all(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                      int qtype) noexcept nogil:
        pass

    cdef const uint8_t *as_asked(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname,
                                 int qname_length) noexcept nogil:
        """The message with its question in the letters of the input: names that point to it would have those that a
        datagram was sent with (0x20), or that the server likes."""
        if message[5] == 0 or length < HEADER_OCTETS + qname_length or length > MESSAGE_MAX \
                or memcmp(message + HEADER_OCTETS, qname, qname_length) == 0:
            return message
        memcpy(self.copy, message, length)
        memcpy(self.copy + HEADER_OCTETS, qname, qname_length)
        return self.copy

    def describe(self, bytes message, bytes name, int qtype) -> bytes:
        """The same of octets that are a response to `name`, a plain one."""
        cdef uint8_t qname[256]
        cdef int length = qname_from_text(name, len(name), qname)
        cdef Span span
        if not self.wanted or length == 0 or len(message) < HEADER_OCTETS or len(message) > MESSAGE_MAX:
            raise ValueError("nothing is wanted, or that is no response to a plain name")
        span = self.json(message, len(message), qname, length, qtype)
        return span.octets[:span.length]
