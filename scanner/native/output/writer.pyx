# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""What all formats have in common: which lines are written, the counts, the clock on the wall, reasons in words."""

import time

from scanner.model import PARTS_OF_TAKEN, REASONS, VERDICTS
from scanner.native.message.text cimport Text
from scanner.native.message.types cimport put_type
from scanner.native.output.buffer cimport span_of
from scanner.native.output.framed cimport frame_class
from scanner.native.verdict cimport ERROR, TAKEN

cdef list KEPT = []                     # octets of the spans below; none of them is written after import
cdef int reason_index
for reason_index, (reason_text, why_text) in enumerate(zip(REASONS, (
    "", "the resolver answered SERVFAIL", "the resolver refused", "the resolver found our query malformed",
    "the resolver does not implement this", "the resolver answered with an unusual RCODE",
    "no answer in time", "the connection closed or could not be made, or there is no route", "the proxy could not be used",
    "TLS failed", "the answer is malformed or contradicts itself", "not a name",
    "the name is an alias whose target does not exist", "the name exists, the type does not",
    "special-use (RFC 6761)", "the answer is too large for a datagram, and TCP to the resolver failed",
    "the resolver names other servers instead of an answer", "the resolver says that its answer is a policy's",
    "a name made up beside it gets the same answer", "resolvers say different things",
), strict=True)):
    KEPT.append((reason_text.encode(), why_text.encode()))
    REASON_TEXTS[reason_index], WHY[reason_index] = span_of(KEPT[reason_index][0]), span_of(KEPT[reason_index][1])


cdef class LineWriter:
    """Writes into `buffer` and counts in `books`. `types` are those of the scan and `qclass` its class, as numbers; `only`
    are the verdicts whose lines are written, all where there are none (PARTS_OF_TAKEN among them); `with_own_type`: each input line has its own type.
    A format has its own `put_line` and `put_bad`."""

    def __cinit__(self, LineBuffer buffer not None, Books books not None, types, int qclass, type_tags, fields, only,
                  bint with_own_type):
        cdef int index
        for index, verdict in enumerate(VERDICTS):
            self.kept[index] = KEPT_ALL if not only or verdict in only else KEPT_NONE
        for kept, part in zip((KEPT_OWN, KEPT_WILD), PARTS_OF_TAKEN):
            if part in only:
                self.kept[<int>TAKEN] = kept
        self.buffer, self.books, self.details = buffer, books, ResponseDetails()
        self.with_line, self.with_meta, self.with_own_type = "n" in fields, "m" in fields, with_own_type
        self.remark.octets = b""
        self.set_epoch(time.monotonic())

    def set_epoch(self, double now) -> None:
        """Look at the wall clock, which may have been set: the engine's clock says `now`."""
        self.epoch = time.time() - now

    cdef int write(self, const Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                   double now) except -1 nogil:
        """The line of one job, or a count where its verdict is left out; `spent` and `now` in seconds, `details` what
        its response says (nothing: there is none), `tags` what its path says."""
        cdef bint kept = self.is_written(verdict, reason)
        if kept:
            self.put_line(job, verdict, reason, spent, tags, details, now)
        self.books.add_name(verdict, reason, kept)
        return 0

    cdef int write_bad(self, bytes d, Reason reason, str why, int type_index, int qtype, long long line, bytes m) except -1:
        """The line of an input line that is not asked at all, for one type; `m` is its metadata as JSON text."""
        cdef bint kept = self.keeps(ERROR)
        if kept:
            self.put_bad(d, reason, why, type_index, qtype, line, m)
        self.books.add_name(ERROR, reason, kept)
        return 0

    cdef int put_line(self, const Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                      double now) except -1 nogil:
        with gil:
            raise NotImplementedError

    cdef int put_bad(self, bytes d, Reason reason, str why, int type_index, int qtype, long long line, bytes m) except -1:
        raise NotImplementedError


cdef char *put_meta(char *at, const char *key, Py_ssize_t length, const Job *job) noexcept nogil:
    """What stood beside the job's name, after a key of so many characters (and its quote); nothing where there was nothing."""
    if job.m_length:
        at = put(put(at, key, length), job.d + job.d_length, job.m_length)
        at = put(at, b'"', 1)
    return at


cdef char *put_own_type(char *at, int rtype) noexcept nogil:
    """The mnemonic of a type."""
    cdef Text text
    text.at, text.left = at, 16
    put_type(&text, rtype)
    return text.at


cdef bytes quotable(str text):
    """As it stands between quotes in JSON."""
    return text.encode("ascii", "replace").replace(b"\\", b"\\\\").replace(b'"', b'\\"')


cdef bytes type_text(int rtype):
    """The mnemonic of a type."""
    cdef char octets[32]
    return octets[:put_own_type(octets, rtype) - octets]


cdef bytes class_text(int rclass):
    """The mnemonic of a class."""
    cdef char octets[32]
    cdef Text text
    text.at = octets
    frame_class(&text, rclass)
    return octets[:text.at - octets]
