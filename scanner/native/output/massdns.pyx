# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The keys of massdns 1.1, in its order: names end in a dot, each section of the response is there where it has records, and a
name without a verdict has `error`, our reason in capitals."""

cimport cython
from libc.stdint cimport int64_t

from scanner.model import REASONS
from scanner.native.message.cursor cimport Cursor
from scanner.native.message.name cimport text_from_qname
from scanner.native.message.records cimport CLASS_IN, TYPE_OPT, Record, next_record, ttl_of
from scanner.native.message.text cimport Text
from scanner.native.output.buffer cimport put, put_number, put_span, span_of
from scanner.native.output.framed cimport frame, frame_class, frame_comma, frame_number, frame_rdata, frame_type
from scanner.native.output.owner cimport Asked, frame_owner, records_of
from scanner.native.output.sections cimport SECTIONS, count_of
from scanner.native.output.writer cimport class_text, put_meta, put_own_type, put_reason, type_text
from scanner.native.verdict cimport ERROR, REASON_COUNT

cdef const char *SECTION_KEYS[SECTIONS]
SECTION_KEYS[:] = [b'"answers":[', b'"authorities":[', b'"additionals":[']

cdef list KEPT = [reason.upper().encode() for reason in REASONS]    # octets of the spans; not written after import
cdef Span ERRORS[REASON_COUNT]
cdef int reason_
for reason_ in range(REASON_COUNT):
    ERRORS[reason_] = span_of(KEPT[reason_])


@cython.final
cdef class MassdnsDetails(ResponseDetails):
    """`,"data":{"answers":[...]},"flags":["aa","rd"]`."""

    def __cinit__(self):
        self.make_room()

    cdef void put_all(self, const uint8_t *message, Py_ssize_t length, const uint8_t *qname, int qname_length,
                      int qtype) noexcept nogil:
        cdef Asked asked
        cdef Cursor cursor = records_of(&asked, self.as_asked(message, length, qname, qname_length), length, qname, qname_length,
                                        True)
        cdef int section
        frame(&self.text, b',"data":{')
        for section in range(SECTIONS):
            put_section(&self.text, &cursor, &asked, section)
        frame(&self.text, b'},"flags":[')
        put_flags(&self.text, message)
        frame(&self.text, b"]")


cdef void put_section(Text *text, Cursor *cursor, const Asked *asked, int section) noexcept nogil:
    """The section at the cursor, which then is behind it. massdns asks without EDNS: OPT is no record here."""
    cdef Record record
    cdef int left = count_of(cursor, section)
    cdef bint begun = False
    while left > 0 and next_record(cursor, &record):
        left -= 1
        if record.rtype == TYPE_OPT:
            continue
        if begun:
            frame(text, b",")
        else:
            frame_comma(text)
            frame(text, SECTION_KEYS[section])
            begun = True
        frame(text, b'{"ttl":')
        frame_number(text, ttl_of(&record))
        frame(text, b',"type":"')
        frame_type(text, record.rtype)
        if record.rclass == CLASS_IN:
            frame(text, b'","class":"IN","name":')
        else:
            frame(text, b'","class":"')
            frame_class(text, record.rclass)
            frame(text, b'","name":')
        frame_owner(text, cursor, record.owner, asked)
        frame(text, b',"data":')
        frame_rdata(text, cursor.message, &record)
        frame(text, b"}")
    if begun:
        frame(text, b"]")


cdef void put_flags(Text *text, const uint8_t *message) noexcept nogil:
    """RFC 1035 section 4.1.1, RFC 4035 section 3.2."""
    put_flag(text, message[2] & 0x04, b'"aa"')
    put_flag(text, message[2] & 0x02, b'"tc"')
    put_flag(text, message[2] & 0x01, b'"rd"')
    put_flag(text, message[3] & 0x80, b'"ra"')
    put_flag(text, message[3] & 0x20, b'"ad"')
    put_flag(text, message[3] & 0x10, b'"cd"')


cdef inline void put_flag(Text *text, bint is_set, const char *name) noexcept nogil:
    if is_set:
        frame_comma(text)
        frame(text, name)


@cython.final
cdef class MassdnsWriter(LineWriter):

    def __cinit__(self, LineBuffer buffer not None, Books books not None, types, int qclass, type_tags, fields, only,
                  bint with_own_type):
        cdef int index
        self.details = MassdnsDetails()
        self.own_tail = b'","class":"%b"' % class_text(qclass)
        self.own_tail_of = span_of(self.own_tail)
        self.heads = [b'","type":"' + type_text(rtype) + self.own_tail for rtype in types]
        for index in range(len(self.heads)):
            self.heads_of[index] = span_of(self.heads[index])

    cdef int put_line(self, const Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                      double now) except -1 nogil:
        cdef char *at = self.buffer.begin(600 + job.m_length + tags.length + details.length)
        at = put(at, b'{"name":"', 9)
        at += text_from_qname(job.qname, job.qname_length, at)
        if job.qname_length > 1:
            at = put(at, b".", 1)
        if self.with_own_type:
            at = put_span(put_own_type(put(at, b'","type":"', 10), job.qtype), self.own_tail_of)
        else:
            at = put_span(at, self.heads_of[job.type_index])
        if verdict == ERROR:
            at = put_reason(put(at, b',"error":"', 10), ERRORS, reason, job.rcode)
        else:
            at = put(at, b',"status":"NXDOMAIN","rx_ts":', 29) if job.rcode == 3 else \
                put(at, b',"status":"NOERROR","rx_ts":', 28)
            at = self.put_stamp(at, now)
            at = put_span(at, details) if details.length else put(at, b',"data":{},"flags":[]', 21)
            at = put_span(at, tags)
        if self.with_line:
            at = put(at, b',"n":', 5)
            at = put_number(at, job.line)
        if self.with_meta:
            at = put_meta(at, b',"m":"', 6, job)
        self.buffer.end(put(at, b"}\n", 2))
        return 0

    cdef char *put_stamp(self, char *at, double now) noexcept nogil:
        """Made anew when the time is another: many answers are read at once."""
        if now != self.stamped or self.stamp_size == 0:
            self.stamped = now
            self.stamp_size = put_number(self.stamp, <int64_t>((now + self.epoch) * 1e9)) - self.stamp
        return put(at, self.stamp, self.stamp_size)

    cdef int put_bad(self, bytes d, Reason reason, str why, int type_index, int qtype, long long line, bytes m) except -1:
        cdef bytes head = b'","type":"' + type_text(qtype) + self.own_tail if self.with_own_type else self.heads[type_index]
        cdef bytes octets = b'{"name":"' + d + head + b',"error":"%b"' % KEPT[<int>reason]
        if self.with_line:
            octets += b',"n":%d' % line
        if self.with_meta and m:
            octets += b',"m":"%b"' % m
        return self.buffer.add(octets + b"}\n")
