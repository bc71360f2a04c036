# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The same rules as in scanner/scanning/suffixes.py (a test compares them), on a name on the wire: most names are done with
after one look at the length of their last label."""

from scanner.native.message.name cimport qname_from_text, same_name, text_from_qname

cdef enum:
    TEXT_FIRST = 45             # the least octet that a plain name's text has; a lesser one is a length
    SECONDS = 10
    PRIVATES = 9

cdef const char *SECOND_LABELS[SECONDS]     # of countries; neither is written after import
SECOND_LABELS[:] = [b"\2ac", b"\2co", b"\3com", b"\3edu", b"\2go", b"\3gov", b"\2ne", b"\3net", b"\2or", b"\3org"]
cdef const char *PRIVATE_LABELS[PRIVATES]
PRIVATE_LABELS[:] = [b"\4corp", b"\6domain", b"\4home", b"\4host", b"\x08internal", b"\x08intranet", b"\3lan",
                     b"\x0blocaldomain", b"\7private"]


cdef int wild_suffix_at(const uint8_t *qname, int length) noexcept nogil:
    """Where the longest such suffix begins that the name is below; 0 where there is none."""
    cdef int at = length - 2, label
    if length > 5 and qname[length - 4] == 2:
        at = length - 4
        return second_level_at(qname, at) or at
    while at > 0 and qname[at] >= TEXT_FIRST:
        at -= 1
    if at <= 0 or qname[at] != length - 2 - at:
        return 0
    if qname[at] > 4 and same_name(qname + at + 1, b"xn--", 4):
        return at
    for label in range(PRIVATES):
        if PRIVATE_LABELS[label][0] == qname[at] \
                and same_name(<const uint8_t *>PRIVATE_LABELS[label], qname + at, 1 + qname[at]):
            return at
    return 0


cdef int second_level_at(const uint8_t *qname, int last) noexcept nogil:
    """Where the label before that of a country begins, if it is one for registrations; 0 where it is not, or comes
    first."""
    cdef int size, label
    for size in range(2, 4):
        if last - 1 - size > 0 and qname[last - 1 - size] == size:
            for label in range(SECONDS):
                if same_name(<const uint8_t *>SECOND_LABELS[label], qname + last - 1 - size, 1 + size):
                    return last - 1 - size
    return 0


def wild_suffix(bytes text) -> str:
    """The same of a plain name, "" where there is none."""
    cdef uint8_t qname[256]
    cdef char suffix[256]
    cdef int length = qname_from_text(text, len(text), qname)
    cdef int at = wild_suffix_at(qname, length) if length else 0
    return suffix[:text_from_qname(qname + at, length - at, suffix)].decode() if at else ""
