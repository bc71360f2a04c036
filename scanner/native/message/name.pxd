"""Names on the wire and as text, in plain C on borrowed octets (RFC 1035 sections 3.1 and 4.1.4)."""

from libc.stdint cimport uint8_t

cdef enum:
    QNAME_MAX = 255     # octets of a name on the wire, the root's zero included (RFC 1035 section 2.3.4)
    TEXT_MAX = 254      # characters of a name, one trailing dot included

cdef int qname_from_text(const uint8_t *text, Py_ssize_t length, uint8_t *qname) noexcept nogil
cdef Py_ssize_t text_from_qname(const uint8_t *qname, Py_ssize_t length, char *text) noexcept nogil
cdef bint same_name(const uint8_t *a, const uint8_t *b, Py_ssize_t length) noexcept nogil
