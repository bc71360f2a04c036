# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Keeping lines back, writing them, and the way back into a slot. It knows nothing of canaries, attempts or routes."""

cimport cython
from libc.stdint cimport int64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from scanner.native.jobs.books cimport RECOVERED, UNCOMPARED
from scanner.native.jobs.job cimport ROLE_UNCOMPARED
from scanner.native.memory cimport checked_alloc
from scanner.native.output.buffer cimport put

cdef enum:
    CHUNK_FIRST = 1 << 10       # octets of a resolver's first chunk; each next has twice as many,
    CHUNK_MOST = 1 << 16        # up to these


@cython.final
cdef class Unproven:
    """What `resolvers` many answer. Older than `window_s`, a line is written; `most` octets are kept before no further names
    are begun."""

    def __cinit__(self, LineWriter writer not None, Books books not None, JobSlots slots not None, int resolvers,
                  double window_s, Py_ssize_t most):
        self.writer, self.books, self.slots = writer, books, slots
        self.piles = <Pile *>checked_alloc(calloc(max(resolvers, 1), sizeof(Pile)))
        self.resolvers, self.window_s, self.most = resolvers, window_s, most

    def __dealloc__(self):
        cdef int index
        for index in range(self.resolvers if self.piles is not NULL else 0):
            free_chain(&self.piles[index].chain)
        free_chain(&self.again)
        free(self.piles)

    def put_of(self, int resolver) -> int:
        """How many lines of this resolver were ever kept. Any thread may ask."""
        return self.piles[resolver].put

    def proven_of(self, int resolver) -> int:
        """The first so many of them are proven, or are not kept any more. Any thread may ask."""
        return max(self.piles[resolver].proven, self.piles[resolver].left)

    # -- in ----------------------------------------------------------------------------------------------------------

    cdef int keep(self, Job *job, Verdict verdict, Reason reason, double spent, Span tags, Span details,
                  double now) except -1 nogil:
        """The line of this job, answered now by `job.resolver`; its JSON texts are ours from here on."""
        cdef Pile *pile = &self.piles[job.resolver]
        cdef Py_ssize_t begin = self.writer.buffer.used, length, size
        cdef bint written = self.writer.is_written(verdict, reason)
        cdef Kept *kept
        cdef uint8_t *at
        if written:
            self.writer.put_line(job, verdict, reason, spent, tags, details, now)
        length = self.writer.buffer.used - begin
        size = (<Py_ssize_t>sizeof(Kept) + job.qname_length + length + 7) & ~<Py_ssize_t>7
        kept = <Kept *>self.room_for(pile, size)
        kept.at, kept.line, kept.size, kept.length = now, job.line, <uint32_t>size, <uint32_t>length
        kept.texts, kept.d_length, kept.m_length = job.d, job.d_length, job.m_length
        kept.qtype, kept.type_index, kept.qname_length, kept.dot = job.qtype, job.type_index, job.qname_length, job.dot
        kept.verdict, kept.reason, kept.written = <uint8_t>verdict, <uint8_t>reason, written
        kept.second, kept.uncompared = job.second, job.role == ROLE_UNCOMPARED
        at = <uint8_t *>(kept + 1)
        memcpy(at, job.qname, job.qname_length)
        memcpy(at + job.qname_length, self.writer.buffer.octets + begin, length)
        self.writer.buffer.used = begin
        job.d = NULL
        self.octets += texts_of(kept)
        pile.put += 1
        self.count += 1
        return 0

    cdef uint8_t *room_for(self, Pile *pile, Py_ssize_t size) except NULL nogil:
        """Where the pile's next line stands."""
        cdef Chunk *chunk = pile.chain.last
        cdef Py_ssize_t room
        if chunk is NULL or chunk.room - chunk.end < size:
            room = max(<Py_ssize_t>CHUNK_FIRST if chunk is NULL else min(2 * chunk.room, <Py_ssize_t>CHUNK_MOST), size)
            chunk = <Chunk *>checked_alloc(malloc(sizeof(Chunk) + room))
            chunk.next, chunk.at, chunk.end, chunk.room = NULL, 0, 0, room
            if pile.chain.last is NULL:
                pile.chain.first = chunk
            else:
                pile.chain.last.next = chunk
            pile.chain.last = chunk
            self.octets += room
        chunk.end += size
        return <uint8_t *>(chunk + 1) + chunk.end - size

    # -- out ---------------------------------------------------------------------------------------------------------

    cdef int used_up(self, Chain *chain, uint32_t size) noexcept nogil:
        """The first line of a chain, of so many octets, is over."""
        cdef Chunk *chunk = chain.first
        self.count -= 1
        chunk.at += size
        if chunk.at == chunk.end:
            chain.first = chunk.next
            if chain.first is NULL:
                chain.last = NULL
            self.octets -= chunk.room
            free(chunk)
        return 0

    cdef int write_first(self, Pile *pile) except -1 nogil:
        """The oldest line of a pile is written, and counted."""
        cdef Kept *kept = first_of(&pile.chain)
        cdef char *at
        if kept.length:
            at = self.writer.buffer.begin(kept.length)
            self.writer.buffer.end(put(at, <char *>(kept + 1) + kept.qname_length, kept.length))
        if kept.second:
            self.books.add(RECOVERED)
        self.books.add_name(<Verdict>kept.verdict, <Reason>kept.reason, kept.written)
        self.octets -= texts_of(kept)
        free(kept.texts)
        pile.left += 1
        return self.used_up(&pile.chain, kept.size)

    cdef void open_up(self, Pile *pile) noexcept nogil:
        """Some of its lines may be written."""
        if pile.next_open is NULL:
            pile.next_open = pile if self.open is NULL else self.open
            self.open = pile

    cdef int let_out(self, double now) except -1 nogil:
        """Write what may be written, as much as the buffer takes."""
        cdef Pile *pile
        cdef Kept *kept
        while self.open is not NULL and not self.writer.full():
            pile = self.open
            kept = first_of(&pile.chain)
            if kept is not NULL and (pile.left < pile.proven or self.is_old(pile, kept, now)):
                self.write_first(pile)
                continue
            self.open = NULL if pile.next_open == pile else pile.next_open
            pile.next_open = NULL
        return 0

    cdef bint is_old(self, const Pile *pile, const Kept *kept, double now) noexcept nogil:
        return not pile.asked and now - kept.at > self.window_s

    cdef void age(self, double now) noexcept nogil:
        """Look for what has waited long enough."""
        cdef Kept *kept
        cdef int index
        for index in range(self.resolvers if self.count > self.again_count else 0):
            kept = first_of(&self.piles[index].chain)
            if kept is not NULL and self.is_old(&self.piles[index], kept, now):
                self.open_up(&self.piles[index])

    cdef void prove(self, int resolver, int64_t until) noexcept nogil:
        """The resolver has passed: its first so many lines may be written."""
        cdef Pile *pile = &self.piles[resolver]
        pile.proven = max(pile.proven, min(until, pile.put))
        if pile.proven > pile.left:
            self.open_up(pile)

    # -- back --------------------------------------------------------------------------------------------------------

    cdef int doubt(self, int resolver) except -1 nogil:
        """The resolver is not believed any more: what is not proven is to be asked again."""
        cdef Pile *pile = &self.piles[resolver]
        while pile.left < pile.proven:
            self.write_first(pile)
        if pile.chain.first is not NULL:
            if self.again.last is NULL:
                self.again.first = pile.chain.first
            else:
                self.again.last.next = pile.chain.first
            self.again.last = pile.chain.last
            pile.chain.first = pile.chain.last = NULL
        self.again_count += pile.put - pile.left
        pile.left = pile.proven = pile.put
        return 0

    cdef Job *recall(self) except NULL nogil:
        """The first job that is to be asked again, in a slot, as one that nobody was asked for."""
        cdef Kept *kept = first_of(&self.again)
        cdef Job *job = self.slots.acquire()
        job.d, job.d_length, job.m_length = kept.texts, kept.d_length, kept.m_length
        job.line, job.qtype, job.type_index, job.dot = kept.line, kept.qtype, kept.type_index, kept.dot
        job.qname_length = kept.qname_length
        memcpy(job.qname, <uint8_t *>(kept + 1), kept.qname_length)
        self.books.entries[<int>UNCOMPARED] = self.books.entries[<int>UNCOMPARED] - kept.uncompared
        self.octets -= texts_of(kept)
        self.again_count -= 1
        self.used_up(&self.again, kept.size)
        return job

    cdef int64_t drop_again(self) noexcept nogil:
        """Forget these; returns how many there were."""
        cdef int64_t dropped = self.again_count
        cdef Kept *kept = first_of(&self.again)
        while kept is not NULL:
            self.octets -= texts_of(kept)
            free(kept.texts)
            self.used_up(&self.again, kept.size)
            kept = first_of(&self.again)
        self.again_count = 0
        return dropped


cdef inline Py_ssize_t texts_of(const Kept *kept) noexcept nogil:
    """Octets of its JSON texts."""
    return <Py_ssize_t>kept.d_length + kept.m_length


cdef void free_chain(Chain *chain) noexcept nogil:
    cdef Chunk *chunk = chain.first
    cdef Chunk *after
    cdef Kept *kept
    while chunk is not NULL:
        while chunk.at < chunk.end:
            kept = <Kept *>(<uint8_t *>(chunk + 1) + chunk.at)
            free(kept.texts)
            chunk.at += kept.size
        after = chunk.next
        free(chunk)
        chunk = after
