# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The floor: the barest client that moves the same octets over the same sockets, and does no DNS work at all.

One epoll loop without the GIL. Every connection sends one fixed frame over and over, `window` of them in flight; what
comes back is not looked at, only counted: a fixed query has a response of fixed length. No names, no IDs, no retries,
no deadlines, no output. What a scanner costs above this is what its work costs; nothing over sockets costs less.
"""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy
from posix.unistd cimport close

cdef extern from "<sys/socket.h>" nogil:
    int MSG_DONTWAIT, MSG_NOSIGNAL
    ssize_t send(int, const void *, size_t, int)
    ssize_t recv(int, void *, size_t, int)

cdef extern from "<sys/epoll.h>" nogil:
    int EPOLLIN, EPOLL_CTL_ADD
    ctypedef union epoll_data_t:
        void *ptr
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    int epoll_create1(int)
    int epoll_ctl(int, int, int, epoll_event *)
    int epoll_wait(int, epoll_event *, int, int)

cdef enum:
    EVENTS = 256
    READ = 65536
    SILENCE_MS = 5000   # nobody answers for so long: something is broken


cdef struct Connection:
    int fd
    char *frames        # `window` copies of one frame, to be sent in one call
    long frame_size
    long response_size
    long received       # octets of responses that are not yet whole


cdef enum Trouble:
    FINE, CLOSED, SILENT, FULL


cdef Trouble put(Connection *it, long count) noexcept nogil:
    """Send `count` frames at once; a window of small frames always fits a loopback socket's buffer."""
    cdef ssize_t size = count * it.frame_size, sent
    sent = send(it.fd, it.frames, size, MSG_DONTWAIT | MSG_NOSIGNAL)
    if sent == size:
        return FINE
    return CLOSED if sent < 0 and errno != EAGAIN else FULL


cdef Trouble loop(int poll, Connection *connections, int count, long window, long queries) noexcept nogil:
    cdef epoll_event events[EVENTS]
    cdef char octets[READ]
    cdef Connection *it
    cdef Trouble trouble
    cdef ssize_t got
    cdef long unsent = queries, missing = queries, whole, more
    cdef int ready, i

    for i in range(count):
        more = min(window, unsent)
        unsent -= more
        if more > 0:
            trouble = put(&connections[i], more)
            if trouble != FINE:
                return trouble
    while missing > 0:
        ready = epoll_wait(poll, events, EVENTS, SILENCE_MS)
        if ready < 0 and errno == EINTR:
            continue
        if ready <= 0:
            return SILENT
        for i in range(ready):
            it = <Connection *>events[i].data.ptr
            got = recv(it.fd, octets, READ, MSG_DONTWAIT)
            if got < 0 and errno == EAGAIN:
                continue
            if got <= 0:
                return CLOSED
            it.received += got
            whole = it.received // it.response_size
            it.received -= whole * it.response_size
            missing -= whole
            more = min(whole, unsent)
            if more > 0:
                unsent -= more
                trouble = put(it, more)
                if trouble != FINE:
                    return trouble
    return FINE


def run(list fds, list frames, list response_sizes, long window, long queries) -> None:
    """Ask `queries` times over the open sockets `fds`, `window` in flight on each.

    Connection i sends `frames[i]` (length prefix included) and gets `response_sizes[i]` octets for each (prefix
    included). Raises ConnectionError when a connection closes, TimeoutError when all are silent.
    """
    cdef int count = len(fds), i, j, poll = epoll_create1(0)
    cdef Connection *connections = <Connection *>calloc(count, sizeof(Connection))
    cdef epoll_event event
    cdef Trouble trouble
    cdef bytes frame
    if poll < 0 or connections is NULL:
        raise MemoryError
    try:
        for i in range(count):
            frame = frames[i]
            connections[i].fd = fds[i]
            connections[i].frame_size = len(frame)
            connections[i].response_size = response_sizes[i]
            connections[i].frames = <char *>malloc(len(frame) * window)
            if connections[i].frames is NULL:
                raise MemoryError
            for j in range(window):
                memcpy(connections[i].frames + j * len(frame), <const char *>frame, len(frame))
            event.events = EPOLLIN
            event.data.ptr = &connections[i]
            if epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].fd, &event) < 0:
                raise OSError(errno, "epoll_ctl")
        with nogil:
            trouble = loop(poll, connections, count, window, queries)
    finally:
        for i in range(count):
            free(connections[i].frames)
        free(connections)
        close(poll)
    if trouble == SILENT:
        raise TimeoutError("no connection answers any more")
    if trouble != FINE:
        raise ConnectionError("a connection was closed" if trouble == CLOSED else "a socket's buffer was full")
