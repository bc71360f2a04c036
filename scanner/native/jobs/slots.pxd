"""The memory of jobs: slots, taken and given back, and which of them are alive."""

from libc.stdint cimport int64_t

from scanner.native.jobs.job cimport Job

cdef enum:
    TYPES_MAX = 32

cdef struct JobBlock:       # owned by JobSlots, freed with it
    Job jobs[256]
    JobBlock *next

cdef class JobSlots:
    cdef JobBlock *blocks
    cdef Job *free
    cdef readonly int live              # jobs started and not yet written, those that are away included
    cdef readonly int second_live       # of them: in their second pass
    cdef readonly int away              # of them: exported to another engine, which has not finished them yet
    cdef Job *newest[TYPES_MAX]         # the last one started of each type, while it lives: sorted input asks once
    cdef int64_t *finished_for          # imported jobs that are finished, by the engine they came from
    cdef int origins

    cdef Job *acquire(self) except NULL nogil
    cdef void release(self, Job *job) noexcept nogil
