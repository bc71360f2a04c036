"""Jobs that wait to be tried again, each by another worker, egress and resolver where there is one."""

from scanner.native.jobs.job cimport Job, LoneQueue, Queue

cdef class RetryQueue:
    cdef Queue waiting
    cdef LoneQueue lone                 # those that a close would end, had they not been in company
    cdef public int workers, egresses, resolvers    # how many there are to go elsewhere

    cdef Job *next_for(self, Queue *queue, int worker, int egress, int resolver, double now) noexcept nogil
