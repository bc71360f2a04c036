# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The floor of UDP: the barest client that moves the same datagrams, and does no DNS work at all.

One epoll loop without the GIL over one connected socket for each of `fds`. Fixed queries go out in batches of sendmmsg, what
comes back is counted by recvmmsg and not looked at. With `segment` a batch is one segmented send (GSO). No names, no IDs,
no deadlines, no output. A datagram that the kernel dropped is sent again after a silence, and counted.
"""

from libc.errno cimport errno
from libc.string cimport memcpy, memset
from posix.unistd cimport close

cdef extern from *:
    """
    #define _GNU_SOURCE
    #include <sys/socket.h>
    #include <sys/epoll.h>
    #include <netinet/in.h>
    """
    enum: MSG_DONTWAIT, MSG_NOSIGNAL, EPOLLIN, EPOLL_CTL_ADD
    ctypedef union epoll_data_t:
        int fd
    struct epoll_event:
        unsigned int events
        epoll_data_t data
    struct iovec:
        void *iov_base
        size_t iov_len
    struct msghdr:
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    size_t CMSG_LEN(size_t) nogil
    size_t CMSG_SPACE(size_t) nogil
    unsigned char *CMSG_DATA(cmsghdr *) nogil
    int epoll_create1(int) nogil
    int epoll_ctl(int, int, int, epoll_event *) nogil
    int epoll_wait(int, epoll_event *, int, int) nogil
    int recvmmsg(int, mmsghdr *, unsigned int, int, void *) nogil
    int sendmmsg(int, mmsghdr *, unsigned int, int) nogil

cdef enum:
    BATCH = 64
    SIZE = 2048
    SILENCE_MS = 100

cdef char incoming[BATCH * SIZE]


cdef long put(int fd, const char *query, long size, long count, bint segment) noexcept nogil:
    """Send `count` queries in as few calls as may be; returns how many the kernel took."""
    cdef mmsghdr messages[BATCH]
    cdef iovec pieces[BATCH]
    cdef char control[32]
    cdef cmsghdr *header = <cmsghdr *>control
    cdef long sent = 0, batch, i
    cdef int took
    for i in range(BATCH):
        pieces[i].iov_base = <void *>query
        pieces[i].iov_len = size
        memset(&messages[i], 0, sizeof(mmsghdr))
        messages[i].msg_hdr.msg_iov = &pieces[i]
        messages[i].msg_hdr.msg_iovlen = 1
    while sent < count:
        batch = min(count - sent, BATCH)
        if segment and batch > 1:
            header.cmsg_level, header.cmsg_type, header.cmsg_len = 17, 103, CMSG_LEN(2)    # SOL_UDP, UDP_SEGMENT
            (<unsigned short *>CMSG_DATA(header))[0] = <unsigned short>size
            messages[0].msg_hdr.msg_iovlen = batch
            messages[0].msg_hdr.msg_control = control
            messages[0].msg_hdr.msg_controllen = CMSG_SPACE(2)
            took = sendmmsg(fd, messages, 1, MSG_DONTWAIT | MSG_NOSIGNAL)
            if took == 1:
                took = <int>batch
        else:
            messages[0].msg_hdr.msg_iovlen = 1
            messages[0].msg_hdr.msg_control = NULL
            messages[0].msg_hdr.msg_controllen = 0
            took = sendmmsg(fd, messages, <unsigned int>batch, MSG_DONTWAIT | MSG_NOSIGNAL)
        if took <= 0:
            break
        sent += took
    return sent


def run(list fds, bytes query, long window, long queries, bint segment) -> int:
    """Ask `queries` times, `window` in flight over all sockets; returns how many had to be sent again."""
    cdef epoll_event events[BATCH]
    cdef epoll_event event
    cdef mmsghdr messages[BATCH]
    cdef iovec pieces[BATCH]
    cdef const char *octets = query
    cdef long size = len(query), answered = 0, in_flight = 0, unsent = queries, again = 0, room
    cdef int sockets = len(fds), poll = epoll_create1(0), i, j, ready, got, turn = 0
    cdef int handles[64]
    for i in range(sockets):
        handles[i] = fds[i]
        event.events = EPOLLIN
        event.data.fd = handles[i]
        epoll_ctl(poll, EPOLL_CTL_ADD, handles[i], &event)
    for i in range(BATCH):
        pieces[i].iov_base = incoming + i * SIZE
        pieces[i].iov_len = SIZE
        memset(&messages[i], 0, sizeof(mmsghdr))
        messages[i].msg_hdr.msg_iov = &pieces[i]
        messages[i].msg_hdr.msg_iovlen = 1
    with nogil:
        while answered < queries:
            room = min(window - in_flight, unsent)
            if room >= 64 or (room > 0 and in_flight == 0) or room == unsent > 0:
                room = put(handles[turn % sockets], octets, size, min(room, 256), segment)
                turn += 1
                in_flight += room
                unsent -= room
            ready = epoll_wait(poll, events, BATCH, SILENCE_MS if window - in_flight < 64 or unsent == 0 else 0)
            if ready == 0 and (window - in_flight < 64 or unsent == 0):
                unsent += in_flight         # lost: again
                again += in_flight
                in_flight = 0
            for i in range(ready):
                got = BATCH
                while got == BATCH:
                    got = recvmmsg(events[i].data.fd, messages, BATCH, MSG_DONTWAIT, NULL)
                    if got > 0:
                        answered += got
                        in_flight -= got
    close(poll)
    return again
