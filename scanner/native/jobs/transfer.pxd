"""Jobs on their way from one engine to another: copies that belong to neither."""

from scanner.native.jobs.job cimport Job

cdef class Transfer:
    cdef Job *first                     # by `next`; each with its own `same`; malloc'd, owned
    cdef Job *last
    cdef readonly int count             # jobs, those that are the same counted too

    cdef int add(self, const Job *job, int origin) except -1 nogil
    cdef Job *first_of(self) noexcept nogil
