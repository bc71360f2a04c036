# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""What a job is when it goes to the trusted resolvers, and what its line says of both answers.

Those are a route of their own: names wait there, without time running, until one of its resolvers is to ask them, and then
have the time and the attempts of a new question. Nothing but NXDOMAIN from there makes a line `nxdomain`.
"""

cimport cython
from libc.stdlib cimport calloc, free
from libc.string cimport strlen

from scanner.native.memory cimport checked_alloc
from scanner.native.output.buffer cimport put, put_span, span_of
from scanner.native.output.writer cimport quotable
from scanner.native.verdict cimport CNAME_NX, CONNECTION, NODATA, REASON_COUNT, REFERRAL

cdef enum:
    NAME_MAX = 512          # octets of a resolver in a remark

cdef const char *ANSWERS[REASON_COUNT]      # what is not NXDOMAIN, by its reason; not written after import
cdef int reason_index
for reason_index in range(REASON_COUNT):
    ANSWERS[reason_index] = b", an answer from "
ANSWERS[<int>NODATA] = b", no data from "
ANSWERS[<int>CNAME_NX] = b", an alias from "
ANSWERS[<int>REFERRAL] = b", a referral from "


@cython.final
cdef class SecondOpinion:
    """`route` is the index of the trusted resolvers' route, `members` are their own; `names` are those of all resolvers.
    Names below the suffixes `withheld` are not asked there."""

    def __cinit__(self, int route, members, names, withheld=()):
        cdef int index
        self.route, self.until = route, -1
        self.texts = [quotable(name)[:NAME_MAX] for name in names]
        self.names = <Span *>checked_alloc(calloc(len(self.texts), sizeof(Span)))
        self.trusted = <uint8_t *>checked_alloc(calloc(len(self.texts), 1))
        for index in range(<int>len(self.texts)):
            self.names[index] = span_of(self.texts[index])
        for index in members:
            self.trusted[index] = 1
        self.withheld = SuffixTable([(suffix, 1) for suffix in withheld]) if withheld else None

    def __dealloc__(self):
        free(self.trusted)
        free(self.names)

    cdef void begin(self, Job *job, int resolver) noexcept nogil:
        """NXDOMAIN came from this resolver: from here on the job is a question to the trusted ones, which nobody was asked
        yet. Attempts are counted on."""
        job.denied_by, job.route = resolver, self.route
        job.worker = job.egress = job.resolver = -1
        job.earlier, job.reason, job.hurt = job.attempt, CONNECTION, -1
        job.requeues = job.badcookies = job.stream_cause = 0
        job.tried = job.failed_over = 0
        job.by_stream = job.stream_failed = job.cut = job.edns_silence = job.without_edns = False

    cdef Span remark(self, const Job *job, Verdict verdict, Reason reason, Reason said, int resolver) noexcept nogil:
        """Beside the reason of a line without a verdict: what both have said, good until the next. `said` is the reason of
        an answer that is not NXDOMAIN, by this resolver."""
        cdef Span span
        cdef char *at = self.words
        span.octets, span.length = self.words, 0
        if job.denied_by < 0 or verdict != ERROR:
            return span
        at = put_text(at, b"; NXDOMAIN from ")
        at = put_span(at, self.names[job.denied_by])
        if reason != DISPUTED:
            at = put_text(at, b", which no trusted resolver has confirmed")
        else:
            at = put_text(at, ANSWERS[<int>said])
            at = put_span(at, self.names[resolver])
        span.length = at - span.octets
        return span


cdef inline char *put_text(char *at, const char *text) noexcept nogil:
    return put(at, text, strlen(text))
