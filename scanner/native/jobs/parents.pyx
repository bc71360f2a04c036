# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""A hash table with an order of last need, and the comparison of an answer with those of random names."""

cimport cython
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from scanner.native.memory cimport checked_alloc
from scanner.native.message.fingerprint cimport stir, stir_name

cdef enum:
    LOOKED_AT = 8               # of the oldest, for one that is not at work


@cython.final
cdef class Parents:
    """Of about `most` parents."""

    def __cinit__(self, int most):
        cdef uint64_t size = 64
        while size < <uint64_t>most:
            size *= 2
        self.most, self.mask = most, size - 1
        self.buckets = <Parent **>checked_alloc(calloc(size, sizeof(Parent *)))

    def __dealloc__(self):
        cdef Parent *parent = self.newest
        cdef Parent *older
        while parent is not NULL:
            older = parent.older
            free(parent.items)
            free(parent)
            parent = older
        free(self.buckets)

    def __len__(self) -> int:
        return self.count

    cdef Parent *find_of(self, const Job *job, int at, uint64_t seed) except NULL nogil:
        """The parent that begins there in the job's name, for its type; made where there is none. From now on it is the
        newest."""
        if not self.is_newest(job, at):
            self.find(stir_name(stir(seed, job.qtype), job.qname + at, job.qname_length - at))
            self.name_length, self.qtype = job.qname_length - at, job.qtype
            memcpy(self.name, job.qname + at, self.name_length)
        return self.newest

    cdef Parent *find(self, uint64_t key) except NULL nogil:
        cdef Parent *parent = self.buckets[key & self.mask]
        while parent is not NULL and parent.key != key:
            parent = parent.next
        if parent is not NULL:
            self.unlink(parent)
        else:
            parent = self.evicted() if self.count >= self.most else NULL
            if parent is NULL:
                parent = <Parent *>checked_alloc(malloc(sizeof(Parent)))
                self.count += 1
            memset(parent, 0, sizeof(Parent))
            parent.key = key
            parent.next = self.buckets[key & self.mask]
            self.buckets[key & self.mask] = parent
        self.link(parent)
        return parent

    cdef Parent *evicted(self) noexcept nogil:
        """One that nothing is known of any more: the oldest of those not at work; NULL where the oldest all are."""
        cdef Parent *parent = self.oldest
        cdef Parent **place
        cdef int looked = 0
        while parent is not NULL and is_at_work(parent) and looked < LOOKED_AT:
            parent = parent.newer
            looked += 1
        if parent is NULL or is_at_work(parent):
            return NULL
        place = &self.buckets[parent.key & self.mask]
        while place[0] != parent:
            place = &place[0].next
        place[0] = parent.next
        self.unlink(parent)
        free(parent.items)
        return parent

    cdef void unlink(self, Parent *parent) noexcept nogil:
        if parent.newer is NULL:
            self.newest = parent.older
        else:
            parent.newer.older = parent.older
        if parent.older is NULL:
            self.oldest = parent.newer
        else:
            parent.older.newer = parent.newer

    cdef void link(self, Parent *parent) noexcept nogil:
        """As the newest."""
        parent.newer, parent.older = NULL, self.newest
        if self.newest is NULL:
            self.oldest = parent
        else:
            self.newest.newer = parent
        self.newest = parent


cdef inline bint has_item(const Parent *parent, uint64_t item) noexcept nogil:
    cdef int index
    for index in range(parent.item_count):
        if parent.items[index] == item:
            return True
    return False


cdef int learn_answer(Parent *parent, const Fingerprint *answer) except -1 nogil:
    """One more random name that exists."""
    cdef bint was_wild = parent.item_count > 0, is_new = False
    cdef int index
    if parent.items is NULL:
        parent.items = <uint64_t *>checked_alloc(malloc(PARENT_ITEMS * sizeof(uint64_t)))
    for index in range(answer.count):
        if parent.item_count < PARENT_ITEMS and not has_item(parent, answer.items[index]):
            parent.items[parent.item_count] = answer.items[index]
            parent.item_count += 1
            is_new = True
    parent.rotates = parent.rotates or (was_wild and is_new)
    parent.settled = 0 if is_new else parent.settled + 1
    return 0


cdef bint is_same_answer(const Parent *parent, const uint64_t *items, int count) noexcept nogil:
    """All of an answer was given to random names too; of a wildcard that gives now these, now those, any of it."""
    cdef int index, known = 0
    for index in range(count):
        known += has_item(parent, items[index])
    return known > 0 and (known == count or parent.rotates)
