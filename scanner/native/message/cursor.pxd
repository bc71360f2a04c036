"""Reading octets with bounds: a cursor that never reads beyond its end, remembers that it was asked to, and is asked once,
when all is read. So a decoder reads straight down the RFC."""

from libc.stdint cimport uint8_t, uint32_t

cdef struct Cursor:
    const uint8_t *message      # borrowed: the whole of it, since names point back into it
    Py_ssize_t at
    Py_ssize_t end              # nothing is read from here on
    bint over                   # more was wanted than there is, or what was there cannot be

cdef inline Cursor cursor_over(const uint8_t *message, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    """A cursor at `at`."""
    cdef Cursor cursor
    cursor.message = message
    cursor.at, cursor.end, cursor.over = at, end, False
    return cursor

cdef inline void refuse(Cursor *cursor) noexcept nogil:
    """What was read cannot be: nothing more is."""
    cursor.over = True
    cursor.at = cursor.end

cdef inline const uint8_t *take(Cursor *cursor, Py_ssize_t count) noexcept nogil:
    """The next `count` octets; NULL where there are fewer."""
    cdef const uint8_t *octets = cursor.message + cursor.at
    if count > cursor.end - cursor.at:
        refuse(cursor)
        return NULL
    cursor.at += count
    return octets

cdef inline int u8(Cursor *cursor) noexcept nogil:
    cdef const uint8_t *octets = take(cursor, 1)
    return 0 if octets is NULL else octets[0]

cdef inline int u16(Cursor *cursor) noexcept nogil:
    cdef const uint8_t *octets = take(cursor, 2)
    return 0 if octets is NULL else octets[0] << 8 | octets[1]

cdef inline uint32_t u32(Cursor *cursor) noexcept nogil:
    cdef const uint8_t *octets = take(cursor, 4)
    if octets is NULL:
        return 0
    return <uint32_t>octets[0] << 24 | <uint32_t>octets[1] << 16 | <uint32_t>octets[2] << 8 | octets[3]

cdef inline Py_ssize_t unread(const Cursor *cursor) noexcept nogil:
    return cursor.end - cursor.at
