"""The second opinion: NXDOMAIN is asked once more of a trusted resolver before it is written."""

from libc.stdint cimport uint8_t

from scanner.native.input.suffixes cimport SuffixTable
from scanner.native.jobs.job cimport Job
from scanner.native.jobs.retry cimport Route
from scanner.native.output.buffer cimport Span
from scanner.native.verdict cimport DISPUTED, ERROR, NXDOMAIN, TAKEN, Outcome, Reason, Verdict

cdef enum:
    WORDS_MAX = 2048        # octets of a remark

cdef class SecondOpinion:
    cdef readonly int route             # of the trusted resolvers
    cdef readonly double until          # s, scan's clock: the scan was stopped, and nobody is asked from then on; < 0 = it was not
    cdef uint8_t *trusted               # by the index of a resolver: its own NXDOMAIN needs no other
    cdef list texts                     # resolvers as JSON texts
    cdef Span *names                    # the same by index, owned
    cdef SuffixTable withheld           # suffixes whose names the trusted ones are not asked for, None = there are none
    cdef char words[WORDS_MAX]          # the last remark

    cdef inline bint is_wanted(self, const Job *job, const Route *route, Verdict verdict, int resolver) noexcept nogil:
        """The NXDOMAIN of this resolver is not the last word about the job. An authority's is, found during the scan or
        not: those that were found are in no table here."""
        return (verdict == NXDOMAIN and job.route != self.route and not route.authoritative and not self.trusted[resolver]
                and not (self.withheld is not None and self.withheld.find(job.qname, job.qname_length)))

    cdef inline Outcome of_both(self, const Job *job, Outcome outcome) noexcept nogil:
        """What the second one said makes of it."""
        if job.denied_by >= 0 and outcome.verdict == TAKEN:
            return Outcome(ERROR, DISPUTED, outcome.next)
        return outcome

    cdef void begin(self, Job *job, int resolver) noexcept nogil
    cdef Span remark(self, const Job *job, Verdict verdict, Reason reason, Reason said, int resolver) noexcept nogil
