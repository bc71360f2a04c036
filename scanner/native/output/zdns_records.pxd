"""The keys that zdns 2 gives the data of a record, by its type."""

from libc.stdint cimport uint8_t

from scanner.native.message.records cimport Record
from scanner.native.message.text cimport Text

cdef void put_data(Text *text, const uint8_t *message, const Record *record) noexcept nogil
cdef void put_opt(Text *text, const uint8_t *message, const Record *record) noexcept nogil
