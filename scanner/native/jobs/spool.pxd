"""Where jobs wait for their second pass: the oldest in a temporary file, the newest in memory."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from scanner.native.jobs.job cimport Job
from scanner.native.verdict cimport Reason

cdef struct Record:         # a job: this, its qname, its texts of keys `d` and `m`
    double spent            # s, so far
    double hurt
    int64_t line
    int rcode
    int worker, egress, resolver, denied_by, route
    uint32_t d_length, m_length
    uint16_t qtype
    uint8_t reason
    uint8_t attempt, earlier
    uint16_t type_index
    bint without_edns, by_stream, cut, dot
    uint8_t qname_length

cdef class Spool:
    cdef object open_file               # opens the temporary file
    cdef object file
    cdef int fd                         # its descriptor, -1 = not open
    cdef int64_t written, read          # octets of it
    cdef uint8_t *records               # behind those of the file
    cdef Py_ssize_t used                # octets
    cdef uint8_t *block                 # of records that are being taken
    cdef Py_ssize_t at, end             # octets of it
    cdef readonly int64_t count         # jobs that wait
    cdef bint keep(self, const Job *job, Reason reason, double spent) except -1 nogil
    cdef int take(self, Job *job, double clock) except -1 nogil
    cdef void clear(self) noexcept nogil
    cdef bint spill(self) except -1 nogil
    cdef int opened(self) except -2 with gil
    cdef bint more(self) except -1 nogil
