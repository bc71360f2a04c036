# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The keeping of names for later, in constant memory. It knows nothing of why they wait."""

from libc.errno cimport EINTR, errno
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from posix.unistd cimport pread, pwrite

from scanner.native.line cimport sure

DEF RECORDS_MAX = 1 << 20   # octets of names that are kept in memory
DEF RECORDS_READ = 1 << 16  # octets of them read back at once


cdef class Spool:
    """First in, first out. `open_file()` opens the temporary file, when it is needed."""

    def __init__(self, open_file):
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

    cdef bint keep(self, const Name *name, Reason reason, double spent) except -1 nogil:
        """Append the name; False when there is no room on the disk."""
        cdef Record record
        cdef uint8_t *at
        if self.records is NULL:
            self.records = <uint8_t *>sure(malloc(RECORDS_MAX))
        record.with_d = name.d is not NULL
        record.d_length = name.d_length if record.with_d else 0
        if self.used + <Py_ssize_t>(sizeof(Record) + 256 + record.d_length) > RECORDS_MAX and not self.spill():
            return False
        record.spent, record.line, record.rcode, record.qtype = spent, name.line, name.rcode, name.qtype
        record.worker, record.exit, record.resolver, record.hurt = name.worker, name.exit, name.resolver, name.hurt
        record.reason, record.attempt, record.plain, record.dot = reason, name.attempt, name.plain, name.dot
        record.qname_length = name.qname_length
        at = self.records + self.used
        memcpy(at, &record, sizeof(Record))
        at += sizeof(Record)
        memcpy(at, name.qname, name.qname_length)
        at += name.qname_length
        if record.with_d:
            memcpy(at, name.d, record.d_length)
        self.used = at + record.d_length - self.records
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

    cdef int take(self, Name *name, double clock) except -1 nogil:
        """Fill a fresh slot with the first name. Raises OSError when the file cannot be read back."""
        cdef Record record
        cdef uint8_t *at
        if self.at == self.end and not self.more():
            with gil:
                raise OSError("the temporary file of names that wait for their second pass cannot be read back")
        at = self.block + self.at
        memcpy(&record, at, sizeof(Record))
        at += sizeof(Record)
        memcpy(name.qname, at, record.qname_length)
        at += record.qname_length
        name.d = NULL
        if record.with_d:
            name.d = <char *>sure(malloc(record.d_length + 1))
            memcpy(name.d, at, record.d_length)
        self.at = at + record.d_length - self.block
        name.same = NULL
        name.started, name.line, name.rcode, name.qtype = clock - record.spent, record.line, record.rcode, record.qtype
        name.worker, name.exit, name.resolver = record.worker, record.exit, record.resolver
        name.reason, name.attempt, name.plain, name.dot = record.reason, record.attempt, record.plain, record.dot
        name.d_length, name.qname_length, name.hurt = record.d_length, record.qname_length, record.hurt
        name.requeues = name.strays = 0
        self.count -= 1
        return 0

    cdef bint more(self) except -1 nogil:
        """The next block of whole records: of the file, then of the memory."""
        cdef Py_ssize_t got
        cdef Record record
        if self.block is NULL:
            self.block = <uint8_t *>sure(malloc(RECORDS_MAX))
        self.at = self.end = 0
        if self.read == self.written:
            memcpy(self.block, self.records, self.used)
            self.end, self.used = self.used, 0
            return self.end > 0
        got = pread(self.fd, self.block, RECORDS_READ, self.read)
        while self.end + <Py_ssize_t>sizeof(Record) <= got:
            memcpy(&record, self.block + self.end, sizeof(Record))
            if self.end + <Py_ssize_t>sizeof(Record) + record.qname_length + record.d_length > got:
                break
            self.end += <Py_ssize_t>sizeof(Record) + record.qname_length + record.d_length
        self.read += self.end
        return self.end > 0
