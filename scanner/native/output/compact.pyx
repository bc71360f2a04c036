# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The compact line, straight from the job's slot."""

cimport cython
import time

from libc.stdint cimport int64_t

from scanner.model import REASONS
from scanner.native.jobs.job cimport ROLE_UNCOMPARED
from scanner.native.message.name cimport text_from_qname
from scanner.native.output.buffer cimport put, put_number, put_span, span_of
from scanner.native.output.fields cimport ResponseFields
from scanner.native.output.writer cimport REASON_TEXTS, WHY, put_meta, put_own_type, put_reason, quotable, type_text
from scanner.native.verdict cimport NONE, NXDOMAIN, TAKEN


@cython.final
cdef class CompactWriter(LineWriter):
    """`type_tags` are the JSON of field t by type, empty where it is not wanted."""

    def __cinit__(self, LineBuffer buffer not None, Books books not None, types, int qclass, type_tags, fields, only,
                  bint with_own_type):
        cdef int index
        cdef ResponseFields details = ResponseFields(fields)
        self.details = details
        self.no_lists = span_of(details.no_lists)
        self.type_tags = list(type_tags)
        for index in range(len(self.type_tags)):
            self.tags[index] = span_of(self.type_tags[index])
        self.with_why, self.with_time, self.with_us = "why" in fields, "ts" in fields, "us" in fields

    cdef int put_line(self, const Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                      double now) except -1 nogil:
        cdef char *at
        cdef int64_t ms
        cdef Span said = self.details.said_beside(details)
        if details.length == 0:
            details = self.no_lists
        at = self.buffer.begin(1400 + job.d_length + job.m_length + tags.length + details.length + said.length
                               + self.remark.length)
        at = put(at, b'{"d":"', 6)
        if job.d_length:
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
            at = put_reason(put(at, b',"e":"', 6), REASON_TEXTS, reason, job.rcode)
        if job.attempt:
            at = put(at, b',"x":', 5)
            at = put_number(at, job.attempt)
        if job.d_length:
            at = put(at, b',"q":"', 6)
            at += text_from_qname(job.qname, job.qname_length, at)
            at = put(at, b'"', 1)
        if self.with_line:
            at = put(at, b',"n":', 5)
            at = put_number(at, job.line)
        if self.with_why and reason != NONE:
            at = put(at, b',"why":"', 8)
            at = put_span(at, WHY[<int>reason])
            at = put_span(at, self.remark)
            at = put_span(at, said)
            at = put(at, b'"', 1)
        elif self.with_why and job.role == ROLE_UNCOMPARED:
            at = put(at, b',"why":"the random names asked beside it got no answer"', 55)
        if self.with_own_type:
            at = put(put_own_type(put(at, b',"t":"', 6), job.qtype), b'"', 1)
        else:
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
        if self.with_meta:
            at = put_meta(at, b',"m":"', 6, job)
        at = put(at, b"}\n", 2)
        self.buffer.end(at)
        return 0

    cdef int put_bad(self, bytes d, Reason reason, str why, int type_index, int qtype, long long line, bytes m) except -1:
        cdef bytes no_lists = (<ResponseFields>self.details).no_lists
        cdef bytes octets = b'{"d":"%b","s":"error","r":null,"ms":0,"re":false,"e":"%b"' % (
            d, REASONS[<int>reason].encode())
        if self.with_line:
            octets += b',"n":%d' % line
        if self.with_why:
            octets += b',"why":"%b"' % quotable(why)
        octets += b',"t":"%b"' % type_text(qtype) if self.with_own_type else self.type_tags[type_index]
        octets += no_lists
        if self.with_time:
            octets += b',"ts":%.3f' % time.time()
        if self.with_us:
            octets += b',"us":0'
        if self.with_meta and m:
            octets += b',"m":"%b"' % m
        return self.buffer.add(octets + b"}\n")
