"""Is a line one JSON object, as this program writes them: ASCII, no white space between its tokens (RFC 8259)?"""

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memchr, memcmp

cdef enum State:
    VALUE, FIRST_VALUE, KEY, FIRST_KEY, AFTER   # what stands next; the first ones may also be the end

cdef enum:
    LEVELS_MAX = 60     # whole sections of an answer have four
    BRACE = 125
    BRACKET = 93


cdef inline bint is_json_object(const uint8_t *at, const uint8_t *end) noexcept nogil:
    cdef uint64_t objects = 0           # a bit for each level, the last one lowest: it is an object, no list
    cdef int depth = 0
    cdef State state = VALUE
    if at >= end or at[0] != b"{":
        return False
    while at < end:
        if (state == FIRST_VALUE and at[0] == b"]") or (state == FIRST_KEY and at[0] == b"}") or (
                state == AFTER and depth and at[0] == (BRACE if objects & 1 else BRACKET)):
            depth, objects, state, at = depth - 1, objects >> 1, AFTER, at + 1
        elif state == AFTER:
            if depth == 0 or at[0] != b",":
                return False
            state, at = KEY if objects & 1 else VALUE, at + 1
        elif state == KEY or state == FIRST_KEY:
            at = after_text(at, end)
            if at is NULL or at >= end or at[0] != b":":
                return False
            state, at = VALUE, at + 1
        elif at[0] == b"{" or at[0] == b"[":
            if depth == LEVELS_MAX:
                return False
            depth, objects = depth + 1, objects << 1 | (at[0] == b"{")
            state, at = FIRST_KEY if at[0] == b"{" else FIRST_VALUE, at + 1
        else:
            at = after_text(at, end) if at[0] == b'"' else after_word(at, end)
            if at is NULL:
                return False
            state = AFTER
    return depth == 0


cdef inline const uint8_t *after_text(const uint8_t *at, const uint8_t *end) noexcept nogil:
    """Behind the text that begins here; NULL where none does."""
    cdef int digit
    if at[0] != b'"':
        return NULL
    at += 1
    while at < end and 32 <= at[0] < 127:
        if at[0] == b'"':
            return at + 1
        if at[0] == b"\\":
            at += 1
            if at >= end or memchr(b'"\\/bfnrtu', at[0], 9) is NULL:
                return NULL
            if at[0] == b"u":
                if end - at < 5:
                    return NULL
                for digit in range(4):
                    at += 1
                    if memchr(b"0123456789abcdefABCDEF", at[0], 22) is NULL:
                        return NULL
        at += 1
    return NULL


cdef inline const uint8_t *after_word(const uint8_t *at, const uint8_t *end) noexcept nogil:
    """Behind the number, or the true, false or null, that begins here; NULL where none does."""
    if end - at >= 4 and (memcmp(at, b"true", 4) == 0 or memcmp(at, b"null", 4) == 0):
        return at + 4
    if end - at >= 5 and memcmp(at, b"false", 5) == 0:
        return at + 5
    if at[0] == b"-":
        at += 1
    if at < end and at[0] == b"0":
        at += 1
    else:
        at = after_digits(at, end)
    if at is not NULL and at < end and at[0] == b".":
        at = after_digits(at + 1, end)
    if at is not NULL and at < end and (at[0] | 32) == b"e":
        at += 1
        at = after_digits(at + 1 if at < end and (at[0] == b"-" or at[0] == b"+") else at, end)
    return at


cdef inline const uint8_t *after_digits(const uint8_t *at, const uint8_t *end) noexcept nogil:
    """Behind the digits that begin here; NULL where none does."""
    cdef const uint8_t *begin = at
    while at < end and 48 <= at[0] <= 57:
        at += 1
    return at if at > begin else NULL
