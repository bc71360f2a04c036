# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
# cython: freethreading_compatible=True
"""The buffer of finished lines, and the way they leave: `write_lines`, in pieces that end with a line.

It never knows what stands in a line.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport free, realloc
from posix.unistd cimport write

from scanner.native.memory cimport checked_alloc

cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    int poll(pollfd *fds, unsigned long count, int timeout_ms)
    short POLLOUT


cdef class LineBuffer:
    """A growing block of whole lines."""

    def __cinit__(self, Py_ssize_t limit=256 * 1024):
        self.limit = limit

    def __dealloc__(self):
        free(self.octets)

    cdef char *begin(self, Py_ssize_t most) except NULL nogil:
        """Where the next line may be written, with room for `most` octets."""
        cdef Py_ssize_t room
        cdef char *octets
        if self.used + most > self.room:
            room = (self.used + most) * 2
            octets = <char *>checked_alloc(realloc(self.octets, room))
            self.octets = octets
            self.room = room
        return self.octets + self.used

    cdef int add(self, bytes line) except -1:
        """A line that is already made."""
        self.end(put(self.begin(len(line)), line, len(line)))
        return 0

    def take(self) -> bytes:
        """Every finished line so far, as one block; the buffer is empty after it."""
        if self.used == 0:
            return b""                  # there may be no memory yet
        block = self.octets[:self.used]
        self.used = 0
        return block


cdef char *put_digits(char *at, long long number) noexcept nogil:
    """Of a number that has more than one."""
    cdef char digits[20]
    cdef int count = 0
    while True:
        digits[count] = <char>(48 + number % 10)
        number //= 10
        count += 1
        if number == 0:
            break
    while count:
        count -= 1
        at[0] = digits[count]
        at += 1
    return at


cdef Py_ssize_t whole_lines(const char *at, Py_ssize_t most) noexcept nogil:
    """The octets up to the last newline among `most`; 0 where there is none. (memrchr is not in POSIX.)"""
    while most > 0 and at[most - 1] != b"\n":
        most -= 1
    return most


def write_lines(int fd, bytes block, Py_ssize_t piece) -> int:
    """Write whole lines to `fd`, at most `piece` octets a call where lines allow; returns 0 or an errno.

    A pipe takes pieces of PIPE_BUF octets whole or not at all (pipe(7)), so a process that leaves in the middle
    leaves no torn line behind. Blocks without the GIL; a non-blocking `fd` is waited for.
    """
    cdef const char *at = block
    cdef Py_ssize_t left = len(block), size, wrote
    cdef int failed = 0
    cdef pollfd ready
    ready.fd = fd
    ready.events = POLLOUT
    with nogil:
        while left > 0 and not failed:
            size = left
            if size > piece:
                size = whole_lines(at, piece) or piece
            wrote = write(fd, at, size)
            if wrote >= 0:
                at += wrote
                left -= wrote
            elif errno == EAGAIN:
                poll(&ready, 1, 1000)
            elif errno != EINTR:
                failed = errno
    return failed
