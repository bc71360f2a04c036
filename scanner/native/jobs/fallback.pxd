"""Jobs that go another way than the one they were started on: to a stream, because a datagram could not hold the
response, or to another engine."""

from scanner.native.jobs.job cimport Job, LoneQueue, Queue, pop

cdef class StreamFallback:
    """The jobs that wait for a stream to one resolver; its streams take jobs from here alone."""
    cdef Queue waiting
    cdef LoneQueue lone                 # see RetryQueue
    cdef readonly int resolver          # its index

    cdef inline Job *next(self) noexcept nogil:
        return pop(&self.waiting)
