# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The kernel's batches, filled and emptied. It knows nothing of DNS."""

cimport cython
from libc.errno cimport EAGAIN, EINTR, EINVAL, EIO, ENOBUFS, ENOMEM, errno
from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from posix.time cimport CLOCK_REALTIME, clock_gettime, timespec

from scanner.native.clock cimport monotonic
from scanner.native.memory cimport checked_alloc
from scanner.native.sockets cimport (
    CMSG_DATA, CMSG_LEN, CMSG_NXTHDR, CMSG_SPACE, MSG_DONTWAIT, MSG_NOSIGNAL, SO_RXQ_OVFL, SO_TIMESTAMPNS, SOL_UDP,
    UDP_SEGMENT, cmsghdr, iovec, msghdr, recvmmsg, sendmmsg, sockaddr_in6,
)

cdef enum:
    SEGMENTS = 64               # of one segmented send (the kernel's UDP_MAX_SEGMENTS)
    SEGMENTED_PATHS = 16        # of more, hardly two queries of a batch go to one
cdef const double SET_S = 10.0  # nothing waits so long: the wall clock was set
cdef const double RENEW_S = 5.0


@cython.final
cdef class ReceiveBatch:
    """What has come in, until the next `receive`."""

    def __cinit__(self):
        cdef int index
        self.octets = <uint8_t *>checked_alloc(malloc(IN * DATAGRAM))
        for index in range(IN):
            self.pieces[index].iov_base = self.octets + index * DATAGRAM
            self.pieces[index].iov_len = DATAGRAM
            self.messages[index].msg_hdr.msg_iov = &self.pieces[index]
            self.messages[index].msg_hdr.msg_iovlen = 1

    def __dealloc__(self):
        free(self.octets)

    cdef int receive(self, int fd) noexcept nogil:
        """Up to IN datagrams that wait at a socket; returns how many, below 1 for none."""
        cdef int index
        for index in range(IN):
            self.messages[index].msg_hdr.msg_name = &self.sources[index]
            self.messages[index].msg_hdr.msg_namelen = sizeof(sockaddr_in6)
            self.messages[index].msg_hdr.msg_control = self.control + index * CONTROL
            self.messages[index].msg_hdr.msg_controllen = CONTROL
        index = recvmmsg(fd, self.messages, IN, MSG_DONTWAIT, NULL)
        clock_gettime(CLOCK_REALTIME, &self.read_at_wall)
        self.read_at = self.now()
        return index

    cdef double now(self) noexcept nogil:
        """On the turn's clock, at this moment: this machine may do something else at any place of a turn."""
        return monotonic() - self.ahead

    cdef uint32_t dropped(self, int index) noexcept nogil:
        """How many datagrams this machine had dropped at that socket, for want of room, when this one came."""
        cdef const void *said = self.said(index, SO_RXQ_OVFL)
        return (<const uint32_t *>said)[0] if said is not NULL else 0

    cdef double came(self, int index) noexcept nogil:
        """When this one came, s on the turn's clock."""
        return self.read_at - self.waited(index)

    cdef double waited(self, int index) noexcept nogil:
        """Seconds for which this one had waited to be read. The kernel says when it came by the wall clock, which may be
        set meanwhile, or differ from ours: the least difference of some seconds is no waiting."""
        cdef const timespec *came = <const timespec *>self.said(index, SO_TIMESTAMPNS)
        cdef double apart
        if came is NULL:
            return 0
        apart = (self.read_at_wall.tv_sec - came.tv_sec) + 1e-9 * (self.read_at_wall.tv_nsec - came.tv_nsec)
        if self.read_at >= self.renew_at:
            self.apart, self.next_apart, self.renew_at = self.next_apart, apart, self.read_at + RENEW_S
        self.next_apart = min(self.next_apart, apart)
        self.apart = apart if apart > self.apart + SET_S else min(self.apart, apart)
        return apart - self.apart

    cdef const void *said(self, int index, int kind) noexcept nogil:
        """What the kernel says beside a datagram; NULL when it says nothing of that kind."""
        cdef msghdr *header = &self.messages[index].msg_hdr
        cdef cmsghdr *control = <cmsghdr *>header.msg_control if header.msg_controllen else NULL
        while control is not NULL and control.cmsg_type != kind:
            control = CMSG_NXTHDR(header, control)
        return CMSG_DATA(control) if control is not NULL else NULL


@cython.final
cdef class SendBatch:
    """Up to OUT queries of one port, written into `octets`, then arranged, then sent."""

    def __cinit__(self, bint gso):
        self.gso = gso
        self.octets = <uint8_t *>checked_alloc(malloc(OUT * MESSAGE_MAX))

    def __dealloc__(self):
        free(self.octets)

    cdef void arrange(self, UdpPath *paths, int path_count, bint connected, int count) noexcept nogil:
        """Make messages of `count` queries: one each, or with GSO one for up to 64 queries of one length to one address.
        Where the port is connected none says where it goes."""
        cdef int at = 0, run, size, path
        cdef bint segmented = self.gso and path_count <= SEGMENTED_PATHS
        cdef msghdr *header
        cdef cmsghdr *control
        for run in range(count):
            self.pieces[run].iov_base = self.octets + run * MESSAGE_MAX
            self.pieces[run].iov_len = self.sizes[run]
        if segmented:
            self.sort(count, path_count)
        self.message_count = self.done = 0
        self.refused_once = False
        while at < count:
            run, size, path = 1, self.sizes[at], self.queries[at].path
            while segmented and at + run < count and run < SEGMENTS \
                    and self.sizes[at + run] == size and self.queries[at + run].path == path:
                run += 1
            header = &self.messages[self.message_count].msg_hdr
            if not connected:
                header.msg_name, header.msg_namelen = &paths[path].address, paths[path].address_size
            header.msg_iov, header.msg_iovlen = &self.pieces[at], run
            header.msg_control, header.msg_controllen = NULL, 0
            if run > 1:
                control = <cmsghdr *>(self.control + self.message_count * 32)
                control.cmsg_level, control.cmsg_type, control.cmsg_len = SOL_UDP, UDP_SEGMENT, CMSG_LEN(2)
                (<uint16_t *>CMSG_DATA(control))[0] = <uint16_t>size
                header.msg_control, header.msg_controllen = control, CMSG_SPACE(2)
            self.first_of[self.message_count] = at
            self.message_count += 1
            at += run
        self.first_of[self.message_count] = count

    cdef Sent send(self, int fd) noexcept nogil:
        """Hand what is not done to the kernel. Where GSO turns out not to work here, the batch is to be arranged anew
        without it: then it is as if the buffer were full."""
        cdef int took, trouble
        while self.done < self.message_count:
            took = sendmmsg(fd, self.messages + self.done, self.message_count - self.done, MSG_DONTWAIT | MSG_NOSIGNAL)
            if took > 0:
                self.done += took
                self.refused_once = False
                continue
            trouble = errno
            if trouble == EINTR:
                continue
            if trouble == EAGAIN or trouble == ENOBUFS or trouble == ENOMEM:
                return SENT_BUFFER_FULL
            if self.gso and (trouble == EIO or trouble == EINVAL):
                self.gso = False                # this way out cannot segment: again, one by one
                return SENT_BUFFER_FULL
            if self.refused_once:
                return SENT_REFUSED
            self.refused_once = True            # it may be an earlier ICMP error: then the send itself was not tried
        return SENT_ALL

    cdef void sort(self, int count, int path_count) noexcept nogil:
        """Order the batch by address, and of each by length, so that runs are long (counting sorts)."""
        cdef int order[OUT]
        cdef int index
        cdef Query *queries[OUT]
        cdef uint16_t sizes[OUT]
        cdef iovec pieces[OUT]
        cdef uint16_t keys[OUT]
        for index in range(count):
            order[index] = index
        sort_by(order, count, self.sizes, MESSAGE_MAX + 1)
        if path_count > 1:
            for index in range(count):
                keys[index] = <uint16_t>self.queries[index].path
            sort_by(order, count, keys, path_count)
        memcpy(queries, self.queries, count * sizeof(Query *))
        memcpy(sizes, self.sizes, count * sizeof(uint16_t))
        memcpy(pieces, self.pieces, count * sizeof(iovec))
        for index in range(count):
            self.queries[index] = queries[order[index]]
            self.sizes[index] = sizes[order[index]]
            self.pieces[index] = pieces[order[index]]


cdef void sort_by(int *order, int count, const uint16_t *keys, int most) noexcept nogil:
    """Order these places by their keys, each below `most`; those of one key stay as they are."""
    cdef int first[MESSAGE_MAX + 2]
    cdef int before[OUT]
    cdef int index, key
    memset(first, 0, (most + 1) * sizeof(int))
    memcpy(before, order, count * sizeof(int))
    for index in range(count):
        first[keys[index] + 1] += 1
    for key in range(most):
        first[key + 1] += first[key]
    for index in range(count):
        key = keys[before[index]]
        order[first[key]] = before[index]
        first[key] += 1
