# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The keys of zdns 2, with what it shows unless it is asked for more. The module is the type asked; owners stand without their
last dot; `altered_name` is the name asked, where it is not the input's."""

cimport cython
import time

from scanner.native.message.cursor cimport Cursor
from scanner.native.message.name cimport text_from_qname
from scanner.native.message.records cimport TYPE_OPT, Record, next_record, ttl_of
from scanner.native.message.text cimport Text
from scanner.native.output.buffer cimport put, put_number, put_span, span_of
from scanner.native.output.framed cimport frame, frame_class, frame_number, frame_type
from scanner.native.output.owner cimport Asked, frame_owner, records_of
from scanner.native.output.sections cimport SECTIONS, count_of
from scanner.native.output.writer cimport WHY, put_meta, put_own_type, quotable, type_text
from scanner.native.output.zdns_records cimport put_data, put_opt
from scanner.native.verdict cimport BADNAME, ERROR, FORMERR, NOTIMP, RCODE, REASON_COUNT, REFUSED, SERVFAIL, SPECIAL, TIMEOUT, TRUNCATED

cdef extern from "<time.h>" nogil:
    ctypedef long long time_t
    struct tm:
        pass
    tm *gmtime_r(const time_t *seconds, tm *result)
    size_t strftime(char *text, size_t most, const char *form, const tm *moment)

cdef const char *SECTION_KEYS[SECTIONS]
SECTION_KEYS[:] = [b',"answers":[', b',"authorities":[', b',"additionals":[']

cdef enum:
    RCODE_COUNT = 24
cdef const char *STATUSES[REASON_COUNT]     # by Reason; ERROR for all that zdns has no word for
cdef const char *RCODES[RCODE_COUNT]        # those of updates and of EDNS (RFC 6895 section 2.3)
cdef int code
for code in range(REASON_COUNT):
    STATUSES[code] = b"ERROR"
for code in range(RCODE_COUNT):
    RCODES[code] = b"ERROR"
STATUSES[<int>SERVFAIL], STATUSES[<int>REFUSED], STATUSES[<int>FORMERR] = b"SERVFAIL", b"REFUSED", b"FORMERR"
STATUSES[<int>NOTIMP], STATUSES[<int>TIMEOUT], STATUSES[<int>TRUNCATED] = b"NOTIMP", b"TIMEOUT", b"TRUNCATED"
STATUSES[<int>BADNAME] = STATUSES[<int>SPECIAL] = b"ILLEGAL_INPUT"
RCODES[6], RCODES[7], RCODES[8], RCODES[9] = b"YXDOMAIN", b"YXRRSET", b"NXRRSET", b"NOTAUTH"
RCODES[10], RCODES[16], RCODES[23] = b"NOTZONE", b"BADVERS", b"BADCOOKIE"


@cython.final
cdef class ZdnsDetails(ResponseDetails):
    """`,"answers":[...],"additionals":[...]`."""

    def __cinit__(self):
        self.make_room()

    cdef void put_all(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                      int qtype) noexcept nogil:
        cdef Asked asked
        cdef Cursor cursor = records_of(&asked, self.as_asked(message, length, qname, qname_length), length, qname, qname_length,
                                        False)
        cdef int section
        for section in range(SECTIONS):
            put_section(&self.text, &cursor, &asked, section)


cdef void put_section(Text *text, Cursor *cursor, const Asked *asked, int section) noexcept nogil:
    """The section at the cursor, which then is behind it; nothing where it has no record."""
    cdef Record record
    cdef int left = count_of(cursor, section)
    cdef bint begun = False
    while left > 0 and next_record(cursor, &record):
        left -= 1
        if begun:
            frame(text, b",")
        else:
            frame(text, SECTION_KEYS[section])
        begun = True
        if record.rtype == TYPE_OPT:
            put_opt(text, cursor.message, &record)
        else:
            put_record(text, cursor, asked, &record)
    if begun:
        frame(text, b"]")


cdef void put_record(Text *text, const Cursor *cursor, const Asked *asked, const Record *record) noexcept nogil:
    frame(text, b"{")
    put_data(text, cursor.message, record)
    frame(text, b'"class":"')
    frame_class(text, record.rclass)
    frame(text, b'","name":')
    frame_owner(text, cursor, record.owner, asked)
    frame(text, b',"ttl":')
    frame_number(text, ttl_of(record))
    frame(text, b',"type":"')
    frame_type(text, record.rtype)
    frame(text, b'"}')


@cython.final
cdef class ZdnsWriter(LineWriter):

    def __cinit__(self, LineBuffer buffer not None, Books books not None, types, int qclass, type_tags, fields, only,
                  bint with_own_type):
        cdef int index
        self.details = ZdnsDetails()
        self.modules = [b'"results":{"%b":{"data":' % type_text(rtype) for rtype in types]
        for index in range(len(self.modules)):
            self.modules_of[index] = span_of(self.modules[index])
        self.second = -1

    cdef int put_line(self, const Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                      double now) except -1 nogil:
        cdef char *at = self.buffer.begin(1200 + job.d_length + job.m_length + tags.length + details.length + self.remark.length)
        cdef long long us = <long long>(spent * 1e6 + 0.5) if spent > 0 else 0
        at = put(at, b'{"name":"', 9)
        if job.d_length:
            at = put(at, job.d, job.d_length - (job.d_length > 1 and job.d[job.d_length - 1] == 46))
            at = put(at, b'","altered_name":"', 18)
        at += text_from_qname(job.qname, job.qname_length, at)
        at = put(at, b'",', 2)
        if self.with_line:
            at = put(at, b'"n":', 4)
            at = put_number(at, job.line)
            at = put(at, b",", 1)
        if self.with_meta and job.m_length:
            at = put(put_meta(at, b'"metadata":"', 12, job), b",", 1)
        if self.with_own_type:
            at = put(put_own_type(put(at, b'"results":{"', 12), job.qtype), b'":{"data":', 10)
        else:
            at = put_span(at, self.modules_of[job.type_index])
        at = put_data_members(at, details, tags)
        at = put(at, b'},"duration":', 13)
        at = put_number(at, us // 1000000)
        at = put_fraction(at, us % 1000000)
        if verdict == ERROR:
            at = put(at, b',"error":"', 10)
            at = put_span(at, WHY[<int>reason])
            at = put_span(at, self.remark)
            at = put(at, b'"', 1)
        at = put(at, b',"status":"', 11)
        at = put_text(at, status_of(verdict, reason, job.rcode))
        at = put(at, b'","timestamp":"', 15)
        at = self.put_stamp(at, now + self.epoch)
        self.buffer.end(put(at, b'"}}}\n', 5))
        return 0

    cdef int put_bad(self, bytes d, Reason reason, str why, int type_index, int qtype, long long line, bytes m) except -1:
        cdef char *at
        cdef bytes octets = b'{"name":"' + d + b'",'
        if self.with_line:
            octets += b'"n":%d,' % line
        if self.with_meta and m:
            octets += b'"metadata":"%b",' % m
        octets += b'"results":{"%b":{"data":' % type_text(qtype) if self.with_own_type else self.modules[type_index]
        octets += b'{},"duration":0.000000,"error":"' + quotable(why)
        octets += b'","status":"ILLEGAL_INPUT","timestamp":"'
        at = self.buffer.begin(len(octets) + STAMP + 6)
        at = put_span(at, span_of(octets))
        at = self.put_stamp(at, time.time())
        self.buffer.end(put(at, b'"}}}\n', 5))
        return 0

    cdef char *put_stamp(self, char *at, double wall) noexcept nogil:
        """RFC 3339, made anew once a second."""
        cdef time_t second = <time_t>wall
        cdef tm moment
        if second != self.second:
            self.second = second
            gmtime_r(&second, &moment)
            strftime(self.stamp, STAMP + 1, b"%Y-%m-%dT%H:%M:%SZ", &moment)
        return put(at, self.stamp, STAMP)


cdef inline char *put_data_members(char *at, Span details, Span tags) noexcept nogil:
    """An object of both, its end left open; each member has a comma before it."""
    cdef char *begun = at
    at = put_span(put_span(at, details), tags)
    begun[0] = 123
    return at if at > begun else begun + 1


cdef inline char *put_fraction(char *at, long long us) noexcept nogil:
    """Six digits behind a point."""
    cdef int index
    at[0] = 46
    for index in range(6, 0, -1):
        at[index] = <char>(48 + us % 10)
        us //= 10
    return at + 7


cdef inline char *put_text(char *at, const char *octets) noexcept nogil:
    while octets[0]:
        at[0] = octets[0]
        at, octets = at + 1, octets + 1
    return at


cdef const char *status_of(Verdict verdict, Reason reason, int rcode) noexcept nogil:
    """The word of zdns: the RCODE's own where that is the answer, or why there is none."""
    if verdict != ERROR:
        return b"NXDOMAIN" if rcode == 3 else b"NOERROR"
    return RCODES[rcode] if reason == RCODE and 0 <= rcode < RCODE_COUNT else STATUSES[<int>reason]
