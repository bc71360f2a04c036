# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Bare names, one a line."""

cimport cython
from libc.stdint cimport uint32_t

from scanner.native.message.name cimport text_from_qname
from scanner.native.output.buffer cimport put


@cython.final
cdef class NamesWriter(LineWriter):

    cdef int put_line(self, const Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                      double now) except -1 nogil:
        cdef char *at = self.buffer.begin(300 + job.d_length)
        if job.d_length:
            at = put_decoded(at, job.d, job.d_length)
        else:
            at += text_from_qname(job.qname, job.qname_length, at)
            if job.dot:
                at = put(at, b".", 1)
        self.buffer.end(put(at, b"\n", 1))
        return 0

    cdef int put_bad(self, bytes d, Reason reason, str why, int type_index, int qtype, long long line, bytes m) except -1:
        cdef char *at = self.buffer.begin(len(d) + 1)
        at = put_decoded(at, d, len(d))
        self.buffer.end(put(at, b"\n", 1))
        return 0


cdef char *put_decoded(char *at, const char *octets, Py_ssize_t length) noexcept nogil:
    """The text of a JSON string as UTF-8, which is never longer; it holds no control character (input/line.py)."""
    cdef const char *end = octets + length
    cdef uint32_t code
    while octets < end:
        if octets[0] != 92:
            at[0] = octets[0]
            at, octets = at + 1, octets + 1
        elif octets[1] != 117:                              # \" and \\
            at[0] = octets[1]
            at, octets = at + 1, octets + 2
        else:
            code = code_unit(octets + 2)
            octets += 6
            if 0xD800 <= code < 0xDC00 and octets[0] == 92:     # the first of a pair (RFC 8259 section 7)
                code = 0x10000 + ((code & 0x3FF) << 10 | code_unit(octets + 2) & 0x3FF)
                octets += 6
            at = put_utf8(at, code)
    return at


cdef uint32_t code_unit(const char *digits) noexcept nogil:
    """Of four hex digits in lower case."""
    cdef uint32_t code = 0
    cdef int index
    for index in range(4):
        code = code << 4 | (digits[index] - 48 if digits[index] < 58 else digits[index] - 87)
    return code


cdef char *put_utf8(char *at, uint32_t code) noexcept nogil:
    """RFC 3629 section 3."""
    cdef int shift = 0
    if code < 0x80:
        at[0] = <char>code
    elif code < 0x800:
        at[0], shift = <char>(0xC0 | code >> 6), 6
    elif code < 0x10000:
        at[0], shift = <char>(0xE0 | code >> 12), 12
    else:
        at[0], shift = <char>(0xF0 | code >> 18), 18
    at += 1
    while shift:
        shift -= 6
        at[0] = <char>(0x80 | code >> shift & 0x3F)
        at += 1
    return at
