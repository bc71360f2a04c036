# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Cutting lines. It never looks at what stands in a line.

Not made for Python without its lock: `octets_cut` reads in one thread three words that another changes under that lock.
"""

cimport cython
from collections import deque

from libc.string cimport memchr, memcpy

from scanner.native.clock cimport monotonic


@cython.final
cdef class LineReader:
    """Lines of the chunks that it is fed. `room_made()` is called when a chunk is used up."""

    def __cinit__(self, room_made):
        self.room_made = room_made
        self.chunks = deque()

    def feed(self, bytes chunk not None, int64_t before=-1) -> None:
        """More input, cut anywhere. `before`: so many lines of the input came before it, and none is torn; -1: it goes
        on where the last chunk ended."""
        if not self.ended and chunk:
            self.chunks.append((chunk, before, monotonic()))

    def end(self) -> None:
        """The end of input, behind the last chunk: what is left then is the last line."""
        if not (self.ended or self.ending):
            self.ending = True
            self.chunks.append((b"", -1, 0.0))

    @property
    def chunks_waiting(self) -> int:
        """How many chunks have not been begun. Any thread may ask."""
        return len(self.chunks)

    @property
    def octets_waiting(self) -> int:
        """Octets that are not cut yet. Any thread may ask."""
        return (self.chunk_end - self.at) + sum(len(chunk) for chunk, *_ in tuple(self.chunks)) + self.carried

    @property
    def octets_cut(self) -> int:
        """Octets of the input that were cut into lines. Any thread may ask: a chunk changes under the GIL only."""
        return self.begun - (self.chunk_end - self.at)

    @property
    def is_used_up(self) -> bool:
        """True when no line is left of what was fed."""
        return self.used_up() and not any(chunk for chunk, *_ in tuple(self.chunks))

    @property
    def is_at_its_end(self) -> bool:
        """True when no line is left and none will come."""
        return self.used_up() and (self.ended or (self.ending and len(self.chunks) == 1))

    cdef double waited_s(self) noexcept:
        """Seconds since the chunk that is being cut came."""
        return monotonic() - self.came

    def drop(self) -> bool:
        """Drop what is not cut yet; it is the end. True when that was something."""
        cdef bint dropped = not self.used_up() or any(chunk for chunk, *_ in self.chunks)
        self.chunks.clear()
        self.at = self.chunk_end
        self.carried = 0
        self.ended = True
        return dropped

    cdef bint cut(self) except -1 nogil:
        """Cut the next line into `text`; False when no whole line is here."""
        cdef const uint8_t *newline
        cdef Py_ssize_t size, keep
        while True:
            if self.at == self.chunk_end and not self.next_chunk():
                if self.ended and self.carried:
                    break
                return False
            newline = <const uint8_t *>memchr(self.at, 10, self.chunk_end - self.at)
            size = (newline if newline is not NULL else self.chunk_end) - self.at
            if newline is not NULL and self.carried == 0:
                self.text, self.length = self.at, size
                self.at = newline + 1
                self.number += 1
                return True
            keep = min(size, LINE_MAX + 1 - self.carried)
            memcpy(self.carry + self.carried, self.at, keep)
            self.carried += keep
            self.at += size
            if newline is not NULL:
                self.at += 1
                break
        self.text, self.length = self.carry, self.carried
        self.carried = 0
        self.number += 1
        return True

    cdef bint next_chunk(self) except -1 with gil:
        """Have the next chunk under the cursor; False when none is here."""
        cdef int64_t before
        if not self.chunks:
            return False
        if not self.chunks[0][0]:
            self.ended = True
            self.chunks.clear()
            return False
        self.chunk, before, self.came = self.chunks.popleft()
        if before >= 0:
            self.number = before
        self.begun += len(self.chunk)
        self.at = self.chunk
        self.chunk_end = self.at + len(self.chunk)
        self.room_made()
        return True
