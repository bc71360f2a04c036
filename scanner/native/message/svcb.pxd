"""Presentation form of SVCB and HTTPS records (RFC 9460 section 2.1, appendix A)."""

from scanner.native.message.cursor cimport Cursor
from scanner.native.message.text cimport Text

cdef void put_svcb(Cursor *rdata, Text *text) noexcept nogil
