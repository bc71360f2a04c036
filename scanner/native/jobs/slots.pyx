# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Slots in blocks that are kept: as many as were alive at once."""

cimport cython
from libc.stdlib cimport calloc, free

from scanner.native.jobs.job cimport ROLE_WAITS
from scanner.native.memory cimport LINE_OCTETS, aligned_alloc_zeroed, checked_alloc, prefetch

cdef enum:
    BLOCK = 256

assert sizeof(Job) % LINE_OCTETS == 0


@cython.final
cdef class JobSlots:
    """`origins`: how many engines jobs may come from."""

    def __cinit__(self, int origins):
        self.origins = origins
        self.finished_for = <int64_t *>checked_alloc(calloc(origins + 1, sizeof(int64_t)))

    def __dealloc__(self):
        cdef JobBlock *block
        cdef int index
        while self.blocks is not NULL:
            block = self.blocks
            self.blocks = block.next
            for index in range(BLOCK):
                free(block.jobs[index].d)
                if block.jobs[index].role == ROLE_WAITS:
                    free(block.jobs[index].beside)
            free(block)
        free(self.finished_for)

    cdef Job *acquire(self) except NULL nogil:
        """A slot for a job that lives from now on: untried, nothing known of it."""
        cdef JobBlock *block
        cdef Job *job
        cdef int index
        if self.free is NULL:
            block = <JobBlock *>aligned_alloc_zeroed(sizeof(JobBlock))
            block.next = self.blocks
            self.blocks = block
            for index in range(BLOCK):
                block.jobs[index].next = self.free
                self.free = &block.jobs[index]
        job = self.free
        self.free = job.next
        prefetch(self.free)             # for the next one
        job.same = NULL
        job.newest = NULL
        job.in_flight = 0
        job.hurt = job.rcode = job.worker = job.egress = job.resolver = -1
        job.denied_by = -1
        job.attempt = job.earlier = job.requeues = 0
        job.origin = job.tried = job.failed_over = 0
        job.route = 0
        job.second = job.without_edns = job.by_stream = False
        job.stream_cause = job.badcookies = job.role = 0
        job.stream_failed = job.cut = job.edns_silence = False
        self.live += 1
        return job

    cdef void release(self, Job *job) noexcept nogil:
        """The job is over, and has no query in flight."""
        if self.newest[job.type_index] == job:
            self.newest[job.type_index] = NULL
        if job.d is not NULL:
            free(job.d)
            job.d = NULL
        if job.origin:
            self.finished_for[job.origin] += 1
        job.next = self.free
        self.free = job
        self.live -= 1
        self.second_live -= job.second

    def finished_since(self) -> list:
        """How many imported jobs were finished since the last call, as pairs of engine index and count."""
        cdef int origin
        found = []
        for origin in range(1, self.origins + 1):
            if self.finished_for[origin]:
                found.append((origin - 1, self.finished_for[origin]))
                self.finished_for[origin] = 0
        return found
