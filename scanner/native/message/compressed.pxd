"""Names inside a message, compressed or not (RFC 1035 section 4.1.4): read out, written as text, compared.

A pointer leads to octets that lie wholly before what led to it, so reading ends; and a name has at most POINTERS_MAX.
"""

from libc.stdint cimport uint8_t

from scanner.native.message.cursor cimport Cursor
from scanner.native.message.name cimport QNAME_MAX
from scanner.native.message.text cimport Text

cdef enum:
    POINTERS_MAX = 127          # of one name: as many as it can have labels

cdef struct Name:               # taken out of a message
    uint8_t wire[QNAME_MAX + 1]
    int size                    # octets of `wire`, the root's zero included
    Py_ssize_t offset           # of the message where this very name stands, 0 = nowhere

cdef bint read_name(Cursor *cursor, Name *name) noexcept nogil
cdef void put_name(Cursor *cursor, Text *text, bint compressed) noexcept nogil
cdef void put_plain_name(const Name *name, Text *text) noexcept nogil

cdef struct Owners:             # which owners of a message are a certain name
    const uint8_t *message
    Py_ssize_t length
    const Name *name
    Py_ssize_t pointer          # where the last owner that was nothing but a pointer led to, -1 = none yet
    bint same                   # what came of that one
    Py_ssize_t *work            # octets and pointers that may still be compared; at its end nothing is the same

cdef inline Owners owners_of(const Name *name, const uint8_t *message, Py_ssize_t length, Py_ssize_t *work) noexcept nogil:
    cdef Owners owners
    owners.message, owners.name = message, name
    owners.length, owners.work, owners.pointer, owners.same = length, work, -1, False
    return owners

cdef bint is_owner(Owners *owners, Py_ssize_t at) noexcept nogil
cdef int labels_below(const Name *name, const Name *above) noexcept nogil
