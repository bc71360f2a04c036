"""Where the records of a message are: section by section, with the counts of its header."""

from scanner.native.message.cursor cimport Cursor, u16
from scanner.native.message.records cimport CLASS_IN, Record, next_record, skip_name
from scanner.native.output.details cimport HEADER_OCTETS

cdef enum:
    SECTIONS = 3                # answer, authority, additional

cdef inline int count_of(const Cursor *cursor, int section) noexcept nogil:
    """How many records the header says that a section has."""
    return cursor.message[6 + 2 * section] << 8 | cursor.message[7 + 2 * section]

cdef inline int begin_records(Cursor *cursor) noexcept nogil:
    """From the header's end to the first record; returns the class of the question, IN where there is none."""
    cursor.at = HEADER_OCTETS
    if cursor.message[5] == 0 and cursor.message[4] == 0:
        return CLASS_IN
    skip_name(cursor)
    u16(cursor)
    return u16(cursor)

cdef inline bint find_record(Record *record, Cursor cursor, int count, int rtype, int rclass) noexcept nogil:
    """The first of a type in a section; any class for `rclass` 0."""
    while count > 0 and next_record(&cursor, record):
        count -= 1
        if record.rtype == rtype and (rclass == 0 or record.rclass == rclass):
            return True
    return False
