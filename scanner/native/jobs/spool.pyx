# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The keeping of jobs for later, in constant memory. It knows nothing of why they wait."""

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from posix.unistd cimport pread, pwrite

from scanner.native.memory cimport checked_alloc

cdef enum:
    RECORDS_MAX = 1 << 20   # octets of jobs that are kept in memory
    RECORDS_READ = 1 << 16  # octets of them read back at once


cdef class Spool:
    """First in, first out. `open_file()` opens the temporary file, when it is needed."""

    def __cinit__(self, open_file):
        self.open_file, self.fd = open_file, -1

    def __dealloc__(self):
        free(self.records)
        free(self.block)

    def close(self) -> None:
        """Free the temporary file; nothing is kept or taken any more."""
        if self.file is not None:
            self.file.close()
            self.file, self.fd = None, -1

    cdef void clear(self) noexcept nogil:
        """Forget all that waits."""
        self.count = 0
        self.used = self.at = self.end = 0
        self.read = self.written

    cdef bint keep(self, const Job *job, Reason reason, double spent) except -1 nogil:
        """Append the job; False when there is no room on the disk."""
        cdef Record record
        cdef uint8_t *at
        cdef uint32_t texts = job.d_length + job.m_length
        if self.records is NULL:
            self.records = <uint8_t *>checked_alloc(malloc(RECORDS_MAX))
        record.d_length, record.m_length = job.d_length, job.m_length
        if self.used + <Py_ssize_t>(sizeof(Record) + 256 + texts) > RECORDS_MAX and not self.spill():
            return False
        record.spent, record.line, record.rcode, record.qtype = spent, job.line, job.rcode, job.qtype
        record.worker, record.egress, record.resolver, record.hurt = job.worker, job.egress, job.resolver, job.hurt
        record.reason, record.attempt, record.without_edns, record.dot = reason, job.attempt, job.without_edns, job.dot
        record.qname_length = job.qname_length
        record.type_index, record.by_stream, record.cut = job.type_index, job.by_stream, job.cut
        record.denied_by, record.earlier, record.route = job.denied_by, job.earlier, job.route
        at = self.records + self.used
        memcpy(at, &record, sizeof(Record))
        at += sizeof(Record)
        memcpy(at, job.qname, job.qname_length)
        at += job.qname_length
        if texts:
            memcpy(at, job.d, texts)
        self.used = at + texts - self.records
        self.count += 1
        return True

    cdef bint spill(self) except -1 nogil:
        """The records in memory go to the file."""
        cdef Py_ssize_t done = 0, wrote
        if self.fd < 0:
            self.fd = self.opened()
        while done < self.used:
            wrote = pwrite(self.fd, self.records + done, self.used - done, self.written + done)
            if wrote <= 0 and errno != EINTR:
                return False
            done += max(wrote, 0)
        self.written += done
        self.used = 0
        return True

    cdef int opened(self) except -2 with gil:
        try:
            self.file = self.open_file()
            return self.file.fileno()
        except OSError:
            return -1

    cdef int take(self, Job *job, double clock) except -1 nogil:
        """Fill a fresh slot with the first job. Raises OSError when the file cannot be read back."""
        cdef Record record
        cdef uint8_t *at
        cdef uint32_t texts
        if self.at == self.end and not self.more():
            with gil:
                raise OSError("the temporary file of jobs that wait for their second pass cannot be read back")
        at = self.block + self.at
        memcpy(&record, at, sizeof(Record))
        at += sizeof(Record)
        memcpy(job.qname, at, record.qname_length)
        at += record.qname_length
        job.d = NULL
        texts = record.d_length + record.m_length
        if texts:
            job.d = <char *>checked_alloc(malloc(texts))
            memcpy(job.d, at, texts)
        self.at = at + texts - self.block
        job.started, job.line, job.rcode, job.qtype = clock - record.spent, record.line, record.rcode, record.qtype
        job.worker, job.egress, job.resolver = record.worker, record.egress, record.resolver
        job.reason, job.attempt, job.without_edns, job.dot = record.reason, record.attempt, record.without_edns, record.dot
        job.d_length, job.m_length, job.qname_length, job.hurt = record.d_length, record.m_length, record.qname_length, record.hurt
        job.type_index, job.by_stream, job.cut = record.type_index, record.by_stream, record.cut
        job.denied_by, job.earlier, job.route = record.denied_by, record.earlier, record.route
        self.count -= 1
        return 0

    cdef bint more(self) except -1 nogil:
        """The next block of whole records: of the file, then of the memory."""
        cdef Py_ssize_t got, size
        cdef Record record
        if self.block is NULL:
            self.block = <uint8_t *>checked_alloc(malloc(RECORDS_MAX))
        self.at = self.end = 0
        if self.read == self.written:
            memcpy(self.block, self.records, self.used)
            self.end, self.used = self.used, 0
            return self.end > 0
        got = pread(self.fd, self.block, RECORDS_READ, self.read)
        while self.end + <Py_ssize_t>sizeof(Record) <= got:
            memcpy(&record, self.block + self.end, sizeof(Record))
            size = <Py_ssize_t>sizeof(Record) + record.qname_length + record.d_length + record.m_length
            if self.end + size > got:
                break
            self.end += size
        self.read += self.end
        return self.end > 0
