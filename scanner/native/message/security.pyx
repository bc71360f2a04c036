# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Keys, signatures, and what does not exist."""

from libc.stdint cimport uint8_t

from scanner.native.message.compressed cimport put_name
from scanner.native.message.cursor cimport refuse, take, u8, u16, u32, unread
from scanner.native.message.text cimport put_base32, put_base64, put_decimal, put_hex, put_one, put_pair, put_space
from scanner.native.message.types cimport put_type


cdef void put_time(Text *text, uint32_t seconds) noexcept nogil:
    """YYYYMMDDHHmmSS in UTC; the days by counting eras of 400 years from the 1st of March of the year 0."""
    cdef int day = <int>(seconds // 86400) + 719468
    cdef int left = <int>(seconds % 86400)
    cdef int era = day // 146097
    cdef int of_era = day - era * 146097
    cdef int year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef int of_year = of_era - (365 * year + year // 4 - year // 100)
    cdef int month = (5 * of_year + 2) // 153                   # 0 is March
    year += era * 400 + (month >= 10)
    put_pair(text, year // 100)
    put_pair(text, year)
    put_pair(text, month + 3 if month < 10 else month - 9)
    put_pair(text, of_year - (153 * month + 2) // 5 + 1)
    put_pair(text, left // 3600)
    put_pair(text, left // 60 % 60)
    put_pair(text, left % 60)


cdef void put_key_octets(Cursor *rdata, Text *text) noexcept nogil:
    """The rest in base64, at least an octet."""
    cdef Py_ssize_t count = unread(rdata)
    if count == 0:
        refuse(rdata)
        return
    put_base64(text, take(rdata, count), count)


cdef void put_signature(Cursor *rdata, Text *text) noexcept nogil:
    put_type(text, u16(rdata))
    put_space(text)
    put_decimal(text, u8(rdata))
    put_space(text)
    put_decimal(text, u8(rdata))
    put_space(text)
    put_decimal(text, u32(rdata))
    put_space(text)
    put_time(text, u32(rdata))
    put_space(text)
    put_time(text, u32(rdata))
    put_space(text)
    put_decimal(text, u16(rdata))
    put_space(text)
    put_name(rdata, text, False)
    put_space(text)
    put_key_octets(rdata, text)


cdef void put_key(Cursor *rdata, Text *text) noexcept nogil:
    put_decimal(text, u16(rdata))
    put_space(text)
    put_decimal(text, u8(rdata))
    put_space(text)
    put_decimal(text, u8(rdata))
    put_space(text)
    put_key_octets(rdata, text)


cdef void put_types(Cursor *rdata, Text *text) noexcept nogil:
    """A bitmap of types (RFC 4034 section 4.1.2), each with a space before it. Windows go up, and none ends with an octet
    of zeros: such a list could be written, but it would be read as another."""
    cdef int window, last = -1, size, index, bit
    cdef const uint8_t *octets
    while unread(rdata):
        window, size = u8(rdata), u8(rdata)
        octets = take(rdata, size)
        if octets is NULL or window <= last or not 0 < size <= 32 or octets[size - 1] == 0:
            refuse(rdata)
            return
        last = window
        for index in range(size):
            for bit in range(8):
                if octets[index] & 0x80 >> bit:
                    put_space(text)
                    put_type(text, window << 8 | index << 3 | bit)


cdef void put_nsec(Cursor *rdata, Text *text) noexcept nogil:
    put_name(rdata, text, False)
    put_types(rdata, text)


cdef void put_hashing(Cursor *rdata, Text *text) noexcept nogil:
    """Algorithm, flags, iterations and salt."""
    cdef int size
    cdef const uint8_t *salt
    put_decimal(text, u8(rdata))
    put_space(text)
    put_decimal(text, u8(rdata))
    put_space(text)
    put_decimal(text, u16(rdata))
    put_space(text)
    size = u8(rdata)
    salt = take(rdata, size)
    if size == 0:
        put_one(text, 45)
    elif salt is not NULL:
        put_hex(text, salt, size)


cdef void put_nsec3param(Cursor *rdata, Text *text) noexcept nogil:
    put_hashing(rdata, text)


cdef void put_nsec3(Cursor *rdata, Text *text) noexcept nogil:
    cdef int size
    cdef const uint8_t *hashed
    put_hashing(rdata, text)
    put_space(text)
    size = u8(rdata)
    hashed = take(rdata, size)
    if size == 0 or hashed is NULL:
        refuse(rdata)
        return
    put_base32(text, hashed, size)
    put_types(rdata, text)


cdef void put_csync(Cursor *rdata, Text *text) noexcept nogil:
    put_decimal(text, u32(rdata))
    put_space(text)
    put_decimal(text, u16(rdata))
    put_types(rdata, text)
