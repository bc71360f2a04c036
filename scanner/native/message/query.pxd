"""The query message, in plain C into borrowed room. It knows no framing: two octets of length are the stream's."""

from libc.stdint cimport uint8_t, uint16_t

cdef enum:
    QUERY_MAX = 297     # octets of our longest query without an EDNS option: 12 + 255 + 4 + 11, rounded up to a frame's 299

cdef Py_ssize_t write_query(uint8_t *at, uint16_t message_id, const uint8_t *qname, Py_ssize_t length, uint16_t qtype,
                            bint edns, const uint8_t *option, Py_ssize_t option_length) noexcept nogil
