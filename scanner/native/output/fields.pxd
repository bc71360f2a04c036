"""From a response to the JSON of the fields that are made of it. No Python object is touched and nothing grows: there is
room for TEXT_MAX characters in which names and records are spelled out, and behind it for all of them as
`\\# LENGTH HEX`, which is what a hostile message gets once it has used up the first."""

from libc.stdint cimport uint8_t, uint16_t

from scanner.native.message.aliases cimport Chain
from scanner.native.message.cursor cimport Cursor
from scanner.native.message.text cimport Text
from scanner.native.output.buffer cimport Span

cdef enum:
    TEXT_MAX = 3 << 18          # characters that are spelled out for one response: its octets escaped twice take 655,350
    FRAMES_MAX = 3 << 19        # beyond: hex of each octet three times, at most 90 a record or option, the chain of aliases,
                                # the message in base64
    SECTIONS = 3                # answer, authority, additional
    MESSAGE_MAX = 65535         # octets

cdef struct Sections:           # of a message
    Cursor begins[SECTIONS]     # before the first record of each
    int counts[SECTIONS]        # how many records the header says there are
    int rclass                  # of the question

cdef class ResponseFields:
    cdef char *octets           # owned: TEXT_MAX + FRAMES_MAX
    cdef uint8_t *copy          # owned: MESSAGE_MAX; a message that came with its question in another case
    cdef Text text              # what is being written
    cdef Chain chain            # of the message at hand
    cdef readonly bint wanted   # any of them; constant, as are all below
    cdef bint a, ttl, cn, soa, sec, fl, ede, nsid, raw
    cdef bint whole[SECTIONS]   # ans, auth, add
    cdef int sections           # how many sections have to be found
    cdef bytes no_lists         # owned; the JSON of those that are lists, empty, for a line without a response

    cdef Span json(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                   int qtype) noexcept nogil
    cdef const uint8_t *as_asked(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname,
                                 int qname_length) noexcept nogil
    cdef void put_answer(self, Sections *sections, const uint8_t *qname, int qname_length, int qtype) noexcept nogil
    cdef void put_aliases(self) noexcept nogil
    cdef void put_authority(self, Sections *sections) noexcept nogil
    cdef void put_options(self, Sections *sections) noexcept nogil
    cdef void put_raw(self, const uint8_t *message, Py_ssize_t length) noexcept nogil
