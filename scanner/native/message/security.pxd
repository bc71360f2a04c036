"""Presentation form of the records of DNSSEC, and of all that hold a list of types."""

from libc.stdint cimport uint32_t

from scanner.native.message.cursor cimport Cursor
from scanner.native.message.text cimport Text

cdef void put_time(Text *text, uint32_t seconds) noexcept nogil        # YYYYMMDDHHmmSS in UTC
cdef void put_signature(Cursor *rdata, Text *text) noexcept nogil       # RRSIG: RFC 4034 section 3.2
cdef void put_key(Cursor *rdata, Text *text) noexcept nogil             # DNSKEY CDNSKEY: section 2.2, RFC 7344
cdef void put_nsec(Cursor *rdata, Text *text) noexcept nogil            # section 4.2
cdef void put_nsec3(Cursor *rdata, Text *text) noexcept nogil           # RFC 5155 section 3.3
cdef void put_nsec3param(Cursor *rdata, Text *text) noexcept nogil      # section 4.3
cdef void put_csync(Cursor *rdata, Text *text) noexcept nogil           # RFC 7477 section 2.1.2
