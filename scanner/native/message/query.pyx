# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Writing a query (RFC 1035 section 4.1, RFC 6891)."""

from libc.string cimport memcpy

from scanner.native.message.name cimport qname_from_text


cdef Py_ssize_t write_query(uint8_t *at, uint16_t message_id, const uint8_t *qname, Py_ssize_t length, uint16_t qtype,
                            bint edns, const uint8_t *option, Py_ssize_t option_length) noexcept nogil:
    """One query, RD set, with at most one EDNS option as it stands on the wire; returns the octets written."""
    cdef uint8_t *tail = at + 12 + length
    at[0] = <uint8_t>(message_id >> 8)
    at[1] = <uint8_t>message_id
    memcpy(at + 2, b"\x01\x00\x00\x01\x00\x00\x00\x00\x00", 9)
    at[11] = 1 if edns else 0
    memcpy(at + 12, qname, length)
    tail[0] = <uint8_t>(qtype >> 8)
    tail[1] = <uint8_t>qtype
    tail[2] = 0
    tail[3] = 1
    if not edns:
        return 16 + length
    memcpy(tail + 4, b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00", 10)    # OPT: root, 1232 octets, version 0, DO off
    tail[14] = <uint8_t>option_length
    if option_length:
        memcpy(tail + 15, option, option_length)
    return 27 + length + option_length


def encode(bytes text, int qtype, int message_id, bint edns=True) -> bytes:
    """One query message for a plain ASCII name; ValueError when the name is not plain."""
    cdef uint8_t qname[256]
    cdef uint8_t message[QUERY_MAX]
    cdef int length = qname_from_text(text, len(text), qname)
    if length == 0:
        raise ValueError(f"not a plain name: {text!r}")
    return message[:write_query(message, <uint16_t>message_id, qname, length, <uint16_t>qtype, edns, NULL, 0)]
