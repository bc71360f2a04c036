"""Mnemonics of record types."""

from scanner.native.message.text cimport Text

cdef void put_type(Text *text, int rtype) noexcept nogil
