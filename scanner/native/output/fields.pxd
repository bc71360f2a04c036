"""The fields of a compact line that a response makes."""

from libc.stdint cimport uint8_t, uint32_t

from scanner.native.message.chain cimport Chain
from scanner.native.message.cursor cimport Cursor
from scanner.native.output.details cimport HEADER_OCTETS, ResponseDetails
from scanner.native.output.sections cimport SECTIONS

cdef struct Sections:           # of a message
    Cursor begins[SECTIONS]     # before the first record of each
    int counts[SECTIONS]        # how many records the header says there are
    int rclass                  # of the question

cdef class ResponseFields(ResponseDetails):
    cdef Chain chain            # of the message at hand
    cdef Py_ssize_t work        # octets and pointers of its names that may still be compared
    cdef bint a, ttl, cn, soa, sec, fl, ede, nsid, raw, why     # those that are wanted; constant, as are all below
    cdef bint whole[SECTIONS]   # ans, auth, add
    cdef int sections           # how many sections have to be found
    cdef bytes no_lists         # owned; the JSON of those that are lists, empty, for a line without a response

    cdef void put_answer(self, Sections *sections, const uint8_t *qname, int qname_length, int qtype) noexcept nogil
    cdef uint32_t put_records(self, Sections *sections, int section, int qtype) noexcept nogil
    cdef void put_aliases(self) noexcept nogil
    cdef void put_authority(self, Sections *sections) noexcept nogil
    cdef void put_raw(self, const uint8_t *message, Py_ssize_t length) noexcept nogil
