"""The second pass: jobs that failed, tried once more when the input has ended."""

from scanner.native.jobs.books cimport Books
from scanner.native.jobs.job cimport Job
from scanner.native.jobs.slots cimport JobSlots
from scanner.native.jobs.spool cimport Spool
from scanner.native.verdict cimport Reason

cdef class Deferral:
    cdef Spool spool                    # None = there is no second pass
    cdef JobSlots slots
    cdef Books books
    cdef double deadline_s
    cdef readonly int live_max          # jobs alive at once in it

    cdef inline bint waits(self) noexcept nogil:
        """Jobs wait for their second pass."""
        return self.spool is not None and self.spool.count > 0

    cdef inline bint has_room(self) noexcept nogil:
        return self.slots.live < self.live_max

    cdef bint helps(self, const Job *job, Reason reason, double now) noexcept nogil
    cdef bint keep(self, const Job *job, Reason reason, double spent) except -1 nogil
    cdef Job *recall(self, double now) except NULL nogil
    cdef int clear(self) noexcept nogil
