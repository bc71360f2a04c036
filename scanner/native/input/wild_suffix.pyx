# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The same rules as in scanner/scanning/suffixes.py (a test compares them), on a name on the wire."""

from scanner.native.message.name cimport qname_from_text, same_name, text_from_qname

cdef enum:
    TEXT_FIRST = 45             # the least octet that a plain name's text has; a lesser one is a length
    PRIVATES = 8
    FIRST_LETTERS = 1 << 2 | 1 << 3 | 1 << 7 | 1 << 8 | 1 << 11 | 1 << 15      # of these: c d h i l p

cdef const char *PRIVATE_LABELS[PRIVATES]    # never written after import
PRIVATE_LABELS[:] = [b"\4corp", b"\6domain", b"\4home", b"\4host", b"\x08internal", b"\x08intranet",
                     b"\x0blocaldomain", b"\7private"]


cdef inline bint is_first_letter(uint8_t octet) noexcept nogil:
    cdef uint8_t letter = (octet | 32) - 97
    return letter < 26 and FIRST_LETTERS >> letter & 1


cdef int unusual_suffix_at(const uint8_t *qname, int length) noexcept nogil:
    """The same, where the last label has neither two octets nor three."""
    cdef int at = length - 2, label
    while at > 0 and qname[at] >= TEXT_FIRST:
        at -= 1
    if at <= 0 or qname[at] != length - 2 - at:
        return 0
    if qname[at] > 4 and same_name(qname + at + 1, b"xn--", 4):
        return at
    if not is_first_letter(qname[at + 1]):          # most names
        return 0
    for label in range(PRIVATES):
        if PRIVATE_LABELS[label][0] == qname[at] and PRIVATE_LABELS[label][1] == (qname[at + 1] | 32) \
                and same_name(<const uint8_t *>PRIVATE_LABELS[label], qname + at, 1 + qname[at]):
            return at
    return 0


cdef int second_level_at(const uint8_t *qname, int last) noexcept nogil:
    """Where the label before that of a country begins, if it is one for registrations; 0 where it is not, or comes
    first."""
    cdef const uint8_t *label = qname + last - 3
    cdef int letters
    if last > 3 and label[0] == 2:
        letters = (label[1] | 32) << 8 | label[2] | 32
        return last - 3 if letters == 0x6163 or letters == 0x636F or letters == 0x676F or letters == 0x6E65 \
            or letters == 0x6F72 else 0             # ac co go ne or
    label -= 1
    if last > 4 and label[0] == 3:
        letters = (label[1] | 32) << 16 | (label[2] | 32) << 8 | label[3] | 32
        return last - 4 if letters == 0x636F6D or letters == 0x656475 or letters == 0x676F76 or letters == 0x6E6574 \
            or letters == 0x6F7267 else 0           # com edu gov net org
    return 0


def wild_suffix(bytes text) -> str:
    """The same of a plain name, "" where there is none."""
    cdef uint8_t qname[256]
    cdef char suffix[256]
    cdef int length = qname_from_text(text, len(text), qname)
    cdef int at = wild_suffix_at(qname, length) if length else 0
    return suffix[:text_from_qname(qname + at, length - at, suffix)].decode() if at else ""
