# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Names by their numbers, a block of lines at a time: a space's graph as flat tables, and the permutation of its numbers.

It does no I/O. Numbers have 128 bits, so that a space may be larger than 2**64.
"""

cimport cython

from array import array
from itertools import accumulate
from math import isqrt

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from scanner.native.memory cimport checked_alloc

cdef extern from *:
    ctypedef unsigned long long u128 "unsigned __int128"    # Cython converts no such number; see `wide`
    const uint64_t UINT64_MAX

cdef enum:
    NAME_OCTETS = 253 * 4 + 1   # a name of 253 characters in UTF-8, and its LF
    STRIDE = 16                 # octets that are copied at once; most texts are shorter
    TOGETHER = 64               # numbers that are permuted in one go, so that the processor works on several
    ROUNDS = 12                 # of the permutation

cdef object SIZE_MAX = 1 << 127 # larger sizes count as this: no number reaches beyond it. Never written again

cdef struct Branch:             # texts, each with every name of a node behind it
    u128 first                  # number of its first name, in its node
    u128 rest_size              # names of the node behind
    const char *octets          # of the texts, one behind the other, and STRIDE more
    const uint32_t *ends        # text i is octets[ends[i]:ends[i + 1]]
    uint64_t texts
    int rest                    # the node behind, -1: the name ends

cdef struct Node:
    int branches                # index of its first branch
    int count                   # at least 1


@cython.final
cdef class Blocks:
    """An iterator of blocks of whole lines, of some `block` octets each: the names of `count` places of the order,
    from `first`, every `step`-th. `keys` of 64 bits permute the order, one a round; none is the plain order."""

    cdef Branch *branches
    cdef Node *nodes            # the first one is the whole space
    cdef char *lines            # room for a block
    cdef Py_ssize_t block
    cdef list kept              # the octets that branches point to
    cdef u128 place             # the next one
    cdef uint64_t step
    cdef uint64_t left          # names still to come
    cdef u128 size              # of the space
    cdef uint64_t wide_part     # the permutation works on a grid of wide_part by narrow_part numbers, at least `size`
    cdef uint64_t narrow_part
    cdef uint64_t keys[ROUNDS]
    cdef bint permutes

    def __cinit__(self, space, *, first, step, count, keys=(), block=1 << 16):
        self.block = block
        self.lines = <char *>checked_alloc(malloc(self.block + TOGETHER * NAME_OCTETS + STRIDE))
        self.place, self.step, self.left = wide(first), step, min(count, UINT64_MAX)
        self.lay_out(space)
        self.size = wide(min(space.size, SIZE_MAX))
        if len(keys) not in (0, ROUNDS):
            raise ValueError(f"{ROUNDS} keys, or none")
        self.permutes = len(keys) > 0
        for turn, key in enumerate(keys):
            self.keys[<int>turn] = key
        if self.permutes:
            self.lay_grid(space.size)

    def __dealloc__(self):
        free(self.branches)
        free(self.nodes)
        free(self.lines)

    def __iter__(self):
        return self

    def __next__(self) -> bytes:
        cdef char *end
        with cython.critical_section(self):     # two threads may share one: each block goes to one of them
            if self.left == 0:
                raise StopIteration
            end = self.fill_permuted() if self.permutes else self.fill()
            return self.lines[:end - self.lines]

    # -- the graph as tables --

    cdef int lay_out(self, space) except -1:
        """Number the nodes, and lay out the branches of each side by side."""
        cdef int index = 0
        order = [space]
        numbers = {id(space): 0}
        for node in order:  # grows while it is walked
            for _, rest in node.branches:
                if rest is not None and id(rest) not in numbers:
                    numbers[id(rest)] = len(order)
                    order.append(rest)
        self.nodes = <Node *>checked_alloc(malloc(len(order) * sizeof(Node)))
        self.branches = <Branch *>checked_alloc(malloc(sum([len(node.branches) for node in order]) * sizeof(Branch)))
        self.kept = []
        tables = {}
        for number, node in enumerate(order):
            self.nodes[<int>number].branches, self.nodes[<int>number].count = index, len(node.branches)
            first = 0
            for branch in node.branches:
                self.lay_branch(&self.branches[index], branch, tables)
                self.branches[index].first = wide(min(first, SIZE_MAX))
                self.branches[index].rest = -1 if branch.rest is None else numbers[id(branch.rest)]
                first += branch.size
                index += 1
        return 0

    cdef int lay_branch(self, Branch *laid, branch, dict tables) except -1:
        """The texts; those that stand in several branches are kept once."""
        if id(branch.texts) not in tables:
            texts = [text.encode() for text in branch.texts]
            ends = array("I", accumulate(map(len, texts), initial=0)).tobytes()
            tables[id(branch.texts)] = b"".join(texts) + bytes(STRIDE), ends
            self.kept.append(tables[id(branch.texts)])
        octets, ends = tables[id(branch.texts)]
        laid.octets = octets
        laid.ends = <const uint32_t *><const char *>ends
        laid.texts = len(branch.texts)
        laid.rest_size = wide(1 if branch.rest is None else min(branch.rest.size, SIZE_MAX))
        return 0

    # -- from numbers to lines --

    cdef char *fill(self) noexcept:
        """The plain order: names that differ in their last text only are written in a row."""
        cdef char *at = self.lines
        cdef char *full = self.lines + self.block
        cdef char head[NAME_OCTETS + STRIDE]
        cdef size_t size
        cdef Branch *last
        cdef uint64_t index
        while self.left and at < full:
            size = self.walk(self.place, head, &last, &index) - head
            while True:
                at = put(copied(at, head, size), last, index)
                at[0] = 10
                at += 1
                self.place += self.step
                self.left -= 1
                if self.left == 0 or at >= full or last.texts - index <= self.step:
                    break
                index += self.step
        return at

    cdef char *fill_permuted(self) noexcept:
        cdef char *at = self.lines
        cdef char *full = self.lines + self.block
        cdef u128 numbers[TOGETHER]
        cdef int i, count
        cdef Branch *last
        cdef uint64_t index
        while self.left and at < full:
            count = TOGETHER if self.left > TOGETHER else <int>self.left
            for i in range(count):
                numbers[i] = self.place
                self.place += self.step
            self.left -= count
            self.permute(numbers, count)
            for i in range(count):
                while numbers[i] >= self.size:  # cycle walking: seldom, the grid is hardly larger than the space
                    self.permute(&numbers[i], 1)
                at = self.walk(numbers[i], at, &last, &index)
                at = put(at, last, index)
                at[0] = 10
                at += 1
        return at

    cdef char *walk(self, u128 number, char *at, Branch **last, uint64_t *index) noexcept:
        """Write all of a name but its last text, whose branch and index there are set; returns the place behind."""
        cdef Node *node = self.nodes
        cdef Branch *branch
        cdef uint64_t digit
        while True:
            branch = self.branch_of(node, number)
            number -= branch.first
            if branch.rest < 0:
                last[0], index[0] = branch, <uint64_t>number
                return at
            digit = <uint64_t>divided(number, branch.rest_size)
            number -= digit * branch.rest_size
            at = put(at, branch, digit)
            node = self.nodes + branch.rest

    cdef Branch *branch_of(self, Node *node, u128 number) noexcept:
        """The last branch that begins at or before the number."""
        cdef Branch *branches = self.branches + node.branches
        cdef int low = 0, high = node.count - 1, middle
        while low < high:
            middle = (low + high + 1) // 2
            if branches[middle].first <= number:
                low = middle
            else:
                high = middle - 1
        return branches + low

    # -- the permutation --

    cdef int lay_grid(self, size) except -1:
        """A grid as nearly square as the size allows."""
        narrow = isqrt(size - 1) + 1
        self.narrow_part, self.wide_part = narrow, (size + narrow - 1) // narrow
        return 0

    cdef void permute(self, u128 *numbers, int count) noexcept:
        """A Feistel network on the two coordinates of each number, added to instead of xored with. It permutes the
        grid; what falls outside of the space has to be permuted again (Black and Rogaway, Ciphers with Arbitrary
        Finite Domains, 2002)."""
        cdef uint64_t left[TOGETHER]
        cdef uint64_t right[TOGETHER]
        cdef int i, turn
        for i in range(count):
            left[i] = <uint64_t>divided(numbers[i], self.narrow_part)
            right[i] = <uint64_t>(numbers[i] - <u128>left[i] * self.narrow_part)
        for turn in range(0, ROUNDS, 2):
            for i in range(count):
                left[i] = added(left[i], mixed(right[i] ^ self.keys[turn]), self.wide_part)
                right[i] = added(right[i], mixed(left[i] ^ self.keys[turn + 1]), self.narrow_part)
        for i in range(count):
            numbers[i] = <u128>left[i] * self.narrow_part + right[i]


cdef inline uint64_t added(uint64_t number, uint64_t random, uint64_t below) noexcept:
    """The sum of a number and a random one, brought down to below the bound (at most 2**63), modulo that."""
    number += <uint64_t>(<u128>random * below >> 64)
    return number - below if number >= below else number


cdef inline uint64_t mixed(uint64_t number) noexcept:
    """Every bit of the number in every bit of the result: the finish of splitmix64 (Steele, Lea, Flood, 2014)."""
    number = (number ^ number >> 30) * <uint64_t>0xbf58476d1ce4e5b9
    number = (number ^ number >> 27) * <uint64_t>0x94d049bb133111eb
    return number ^ number >> 31


cdef inline u128 divided(u128 number, u128 by) noexcept:
    """The quotient; small numbers, the usual case, need no 128-bit division."""
    if (number | by) >> 64 == 0:
        return <uint64_t>number // <uint64_t>by
    return number // by


cdef inline char *put(char *at, const Branch *branch, uint64_t index) noexcept:
    """Write a text; returns the place behind it."""
    return copied(at, branch.octets + branch.ends[index], branch.ends[index + 1] - branch.ends[index])


cdef inline char *copied(char *at, const char *octets, size_t length) noexcept:
    """Copy so many octets, and up to STRIDE more than that, on both sides; returns the place behind them."""
    memcpy(at, octets, STRIDE)
    if length > STRIDE:
        memcpy(at + STRIDE, octets + STRIDE, length - STRIDE)
    return at + length


cdef u128 wide(number):
    """A Python number below 2**128."""
    return <u128><uint64_t>(number >> 64) << 64 | <uint64_t>(number & UINT64_MAX)
