# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The compact line, straight from the job's slot."""

cimport cython
import time

from libc.stdint cimport int64_t

from scanner.model import REASONS, VERDICTS
from scanner.native.message.name cimport text_from_qname
from scanner.native.output.buffer cimport put, put_number, put_span, span_of
from scanner.native.verdict cimport ERROR, NONE, NXDOMAIN, RCODE, REASON_COUNT, TAKEN

cdef list KEPT = []                     # octets of the spans below; none of them is written after import
cdef Span REASON_TEXTS[REASON_COUNT]
cdef Span WHY[REASON_COUNT]
cdef int reason_index
for reason_index, (reason_text, why_text) in enumerate(zip(REASONS, (
    "", "the resolver answered SERVFAIL", "the resolver refused", "the resolver found our query malformed",
    "the resolver does not implement this", "the resolver answered with an unusual RCODE",
    "no answer in time", "the connection closed or could not be made", "the proxy could not be used",
    "TLS failed", "the answer is malformed or contradicts itself", "not a name",
    "the name is an alias whose target does not exist", "the name exists, the type does not",
    "special-use (RFC 6761)", "the answer is too large for a datagram, and TCP to the resolver failed",
    "the resolver names other servers instead of an answer", "the resolver says that its answer is a policy's",
    "a name made up beside it gets the same answer", "resolvers say different things",
), strict=True)):
    KEPT.append((reason_text.encode(), why_text.encode()))
    REASON_TEXTS[reason_index], WHY[reason_index] = span_of(KEPT[reason_index][0]), span_of(KEPT[reason_index][1])


@cython.final
cdef class LineWriter:
    """Writes into `buffer` and counts in `books`. `type_tags` are the JSON of field t by type, empty where it is not
    wanted. `only` are the verdicts whose lines are written, all where there are none."""

    def __cinit__(self, LineBuffer buffer not None, Books books not None, type_tags, fields, only):
        cdef int index
        for index, verdict in enumerate(VERDICTS):
            self.kept[index] = not only or verdict in only
        self.buffer, self.books, self.fields = buffer, books, ResponseFields(fields)
        self.no_lists = span_of(self.fields.no_lists)
        self.type_tags = list(type_tags)
        for index in range(len(self.type_tags)):
            self.tags[index] = span_of(self.type_tags[index])
        self.with_line, self.with_why = "n" in fields, "why" in fields
        self.with_time, self.with_us = "ts" in fields, "us" in fields
        self.set_epoch(time.monotonic())

    def set_epoch(self, double now) -> None:
        """Look at the wall clock, which may have been set: the engine's clock says `now`."""
        self.epoch = time.time() - now

    cdef int write(self, Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                   double now) except -1 nogil:
        """The line of one job, or a count where its verdict is left out; `spent` and `now` in seconds, `details` the JSON of the fields of
        its response (nothing: there is none), `tags` that of fields ns and p."""
        cdef char *at
        cdef int64_t ms
        if not self.keeps(verdict):
            self.books.add_name(verdict, reason, False)
            return 0
        if details.length == 0:
            details = self.no_lists
        at = self.buffer.begin(1400 + job.d_length * (job.d is not NULL) + tags.length + details.length)
        at = put(at, b'{"d":"', 6)
        if job.d is not NULL:
            at = put(at, job.d, job.d_length)
        else:
            at += text_from_qname(job.qname, job.qname_length, at)
            if job.dot:
                at = put(at, b".", 1)
        if verdict == TAKEN:
            at = put(at, b'","s":"taken","r":', 18)
        elif verdict == NXDOMAIN:
            at = put(at, b'","s":"nxdomain","r":', 21)
        else:
            at = put(at, b'","s":"error","r":', 18)
        at = put_number(at, job.rcode) if job.rcode >= 0 else put(at, b"null", 4)
        at = put(at, b',"ms":', 6)
        at = put_number(at, <int64_t>(spent * 1000 + 0.5))
        at = put(at, b',"re":true', 10) if job.rcode == 0 else put(at, b',"re":false', 11)
        if reason != NONE:
            at = put_reason(at, reason, job.rcode)
        if job.attempt:
            at = put(at, b',"x":', 5)
            at = put_number(at, job.attempt)
        if job.d is not NULL:
            at = put(at, b',"q":"', 6)
            at += text_from_qname(job.qname, job.qname_length, at)
            at = put(at, b'"', 1)
        if self.with_line:
            at = put(at, b',"n":', 5)
            at = put_number(at, job.line)
        if self.with_why and reason != NONE:
            at = put(at, b',"why":"', 8)
            at = put_span(at, WHY[<int>reason])
            at = put(at, b'"', 1)
        at = put_span(at, self.tags[job.type_index])
        at = put_span(at, details)
        at = put_span(at, tags)
        if self.with_time:
            ms = <int64_t>((now + self.epoch) * 1000)
            at = put(at, b',"ts":', 6)
            at = put_number(at, ms // 1000)
            at[0], at[1], at[2], at[3] = 46, 48 + ms // 100 % 10, 48 + ms // 10 % 10, 48 + ms % 10      # .mmm
            at += 4
        if self.with_us:
            at = put(at, b',"us":', 6)
            at = put_number(at, <int64_t>(spent * 1e6 + 0.5))
        at = put(at, b"}\n", 2)
        self.buffer.end(at)
        self.books.add_name(verdict, reason, True)
        return 0

    cdef int write_bad(self, bytes d, Reason reason, str why, int type_index, long long line) except -1:
        """The line of an input line that is not asked at all, for one type."""
        cdef char *at
        cdef bytes octets
        if not self.keeps(ERROR):
            self.books.add_name(ERROR, reason, False)
            return 0
        octets = b'{"d":"%b","s":"error","r":null,"ms":0,"re":false,"e":"%b"' % (
            d, REASONS[<int>reason].encode())
        if self.with_line:
            octets += b',"n":%d' % line
        if self.with_why:
            octets += b',"why":"%b"' % why.encode("ascii", "replace").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
        octets += self.type_tags[type_index] + self.fields.no_lists
        if self.with_time:
            octets += b',"ts":%.3f' % time.time()
        if self.with_us:
            octets += b',"us":0'
        at = self.buffer.begin(len(octets) + 2)
        at = put_span(at, span_of(octets))
        self.buffer.end(put(at, b"}\n", 2))
        self.books.add_name(ERROR, reason, True)
        return 0


cdef char *put_reason(char *at, Reason reason, int rcode) noexcept nogil:
    """`,"e":"servfail"`; an RCODE without a name of its own is `rcodeN`."""
    at = put(at, b',"e":"', 6)
    at = put_span(at, REASON_TEXTS[<int>reason])
    if reason == RCODE:
        at = put_number(at, rcode)
    return put(at, b'"', 1)
