"""Jobs that wait to be tried again, each by another worker, egress and resolver where there is one."""

from scanner.native.jobs.job cimport Job, Queue

cdef class RetryQueue:
    cdef Queue waiting
    cdef public int workers, egresses, resolvers    # how many there are to go elsewhere

    cdef Job *next_for(self, int worker, int egress, int resolver, double now) noexcept nogil
