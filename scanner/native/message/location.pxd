"""Presentation form of LOC records (RFC 1876 section 3)."""

from scanner.native.message.cursor cimport Cursor
from scanner.native.message.text cimport Text

cdef void put_location(Cursor *rdata, Text *text) noexcept nogil
