"""The books of one engine's jobs: what was read and what became of it. One C struct, one table of names."""

from libc.stdint cimport int64_t

from scanner.native.verdict cimport REASON_COUNT, Reason, Verdict

cdef enum Entry:            # the order of `ENTRIES`
    READ
    BLANK
    WRITTEN
    EXPECTED
    SKIPPED
    UNFINISHED
    WRITTEN_TAKEN           # by verdict: the order of `Verdict`
    WRITTEN_NXDOMAIN
    WRITTEN_ERROR
    RETRIED
    REQUEUED
    SECOND
    RECOVERED
    ENTRY_COUNT

cdef class Books:
    cdef int64_t entries[ENTRY_COUNT]       # by Entry; written by the engine's thread, read by any
    cdef int64_t reasons[REASON_COUNT]      # lines written, by Reason

    cdef inline void add(self, Entry entry) noexcept nogil:
        self.entries[<int>entry] += 1

    cdef inline void add_line(self, Verdict verdict, Reason reason) noexcept nogil:
        """An output line was written."""
        self.entries[<int>WRITTEN] += 1
        self.entries[<int>WRITTEN_TAKEN + <int>verdict] += 1
        self.reasons[<int>reason] += 1
