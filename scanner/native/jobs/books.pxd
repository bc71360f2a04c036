"""The books of one engine's jobs: what was read and what became of it. One C struct, one table of names."""

from libc.stdint cimport int64_t

from scanner.native.verdict cimport REASON_COUNT, Reason, Verdict

cdef enum Entry:            # the order of `ENTRIES`
    READ
    BLANK
    WRITTEN
    LEFT_OUT
    EXPECTED
    SKIPPED
    UNFINISHED
    NAMES_TAKEN             # by verdict, written or not: the order of `Verdict`
    NAMES_NXDOMAIN
    NAMES_ERROR
    RETRIED
    REQUEUED
    SECOND
    RECOVERED
    RANDOM_NAMES
    UNCOMPARED
    DOUBTED
    ENTRY_COUNT

cdef class Books:
    cdef int64_t entries[ENTRY_COUNT]       # by Entry; written by the engine's thread, read by any
    cdef int64_t reasons[REASON_COUNT]      # of these names, by Reason

    cdef inline void add(self, Entry entry) noexcept nogil:
        self.entries[<int>entry] += 1

    cdef inline void add_name(self, Verdict verdict, Reason reason, bint written) noexcept nogil:
        """A name is finished: its line was written, or left out."""
        self.entries[<int>WRITTEN if written else <int>LEFT_OUT] += 1
        self.entries[<int>NAMES_TAKEN + <int>verdict] += 1
        self.reasons[<int>reason] += 1
