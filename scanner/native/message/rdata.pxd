"""A record's rdata in presentation form (RFC 1035, 3597, 9460), for the types that scans meet; every other type, and what
cannot be read as its type says, is `\\# LENGTH HEX`.

Presentation form is written only where it says all that the record holds, so that a reader of it gets the same record.
"""

from libc.stdint cimport uint8_t

from scanner.native.message.records cimport Record
from scanner.native.message.text cimport Text

cdef enum:
    UNKNOWN_MAX = 12            # characters of `\\# LENGTH HEX` without the hex; none of them is counted in `text.left`

cdef void put_rdata(Text *text, const uint8_t *message, const Record *record) noexcept nogil
