# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""The lab's DNS server: UDP and TCP on one port of 127.0.0.1, one thread, one epoll loop without the GIL.

One turn is `expire`, `flush`, `wait`, `accept`/`read`. Connections live in slots that are never freed while the server
runs, so a delayed answer may outlive its connection: `generation` shows that. A peer that does not read is not read from.
What an answer holds is `answers.pyx`'s; whether and when a datagram gets one over a path is `link.pyx`'s.
"""

from libc.errno cimport EAGAIN, EINTR, EMFILE, ENFILE, errno
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcpy, memmove
from posix.time cimport CLOCK_MONOTONIC, CLOCK_REALTIME, clock_gettime, timespec
from posix.unistd cimport close, dup

from scanner.lab.answers cimport (
    ANSWER, CLOSE, RESET, RESPONSE_MAX, Act, Reply, Zone, close_zone, open_zone, reply_to
)
from scanner.lab.link cimport Link, Question, close_link, open_link, set_numbers, take_in

from scanner.native.sockets cimport (
    CMSG_DATA, CMSG_LEN, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT, HAVE_BATCHES, MSG_DONTWAIT, MSG_NOSIGNAL, POLLIN,
    SO_LINGER, SO_TIMESTAMPNS, SOCK_CLOEXEC, SOCK_NONBLOCK, SOL_SOCKET, accept4, cmsghdr, epoll_create1, epoll_ctl,
    epoll_event, epoll_wait, iovec, linger, mmsghdr, msghdr, pollfd, ppoll, recv, recvmmsg, send, sendmmsg, sendto,
    setsockopt, sockaddr_in,
)

import socket
import struct
from contextlib import suppress

cdef enum:
    EVENTS = 256
    READ = 16384                    # octets of one read; bounds the answers that one read can ask for
    FRAME_MAX = 65537               # a message with its length
    KEEP = 65536                    # an emptied box larger than this is given back
    BATCH = 64                      # datagrams of one call
    DATAGRAM = 4096                 # a longer query is cut: it is none
    CONTROL = 64                    # octets beside a datagram: when it came
    TICK_NS = 1000000               # a delay without a path is counted in milliseconds: answers of one leave together

cdef const int64_t SECOND_NS = 1000000000
SO_RCVBUFFORCE, SO_MEMINFO = 33, 55     # asm-generic/socket.h; Python has no names for them
MEMINFO_DROPS = 8                       # linux/sock_diag.h: datagrams that a socket had no room for
BUFFER, BUFFER_OF_PATH = 4 << 20, 64 << 20


cdef struct Box:                    # octets that wait
    uint8_t *octets                 # owned
    Py_ssize_t used
    Py_ssize_t room


cdef struct Connection:
    int fd                          # -1: the slot is free
    uint32_t generation             # one more with each connection that had this slot
    bint stalled                    # the peer does not read: `outbox` waits for EPOLLOUT, nothing is read
    bint ending                     # closes when `outbox` is empty
    Box inbox                       # the beginning of a frame
    Box outbox                      # answers not yet sent
    Connection *next_free


cdef struct Pending:                # a delayed answer; one allocation, octets behind it
    int64_t due_ns
    uint64_t sequence               # among equals the first come is the first served
    Connection *to                  # NULL: a datagram
    uint32_t generation
    int fd                          # of a datagram's socket
    sockaddr_in address
    Py_ssize_t size
    uint8_t octets[1]


cdef int64_t now_ns(int clock = CLOCK_MONOTONIC) noexcept nogil:
    cdef timespec now
    clock_gettime(clock, &now)
    return now.tv_sec * SECOND_NS + now.tv_nsec


cdef bint make_room(Box *box, Py_ssize_t more) noexcept nogil:
    """Room for `more` octets behind those used; False when there is no memory."""
    cdef Py_ssize_t wanted = max(1024, max(box.used + more, box.room * 2))
    cdef uint8_t *grown
    if box.used + more <= box.room:
        return True
    grown = <uint8_t *>realloc(box.octets, wanted)
    if grown is NULL:
        return False
    box.octets, box.room = grown, wanted
    return True


cdef bint put(Box *box, const uint8_t *octets, Py_ssize_t size) noexcept nogil:
    """Append; False when there is no memory."""
    if size == 0:
        return True
    if not make_room(box, size):
        return False
    memcpy(box.octets + box.used, octets, size)
    box.used += size
    return True


cdef void take(Box *box, Py_ssize_t size) noexcept nogil:
    """The first `size` octets are done with."""
    box.used -= size
    if box.used:
        memmove(box.octets, box.octets + size, box.used)
    elif box.room > KEEP:
        empty(box)


cdef void empty(Box *box) noexcept nogil:
    free(box.octets)
    box.octets, box.used, box.room = NULL, 0, 0


cdef bint earlier(Pending *a, Pending *b) noexcept nogil:
    return a.due_ns < b.due_ns or a.due_ns == b.due_ns and a.sequence < b.sequence


cdef class LabServer:
    """A DNS server on 127.0.0.1. `run` serves until `stop` is called from another thread."""

    cdef object tcp, waker, wake
    cdef list udp                       # one socket for each address
    cdef int *sockets                   # their descriptors
    cdef int poll, listener, bell, spare
    cdef readonly int port
    cdef Zone zone
    cdef Link link
    cdef int64_t clock_ns
    cdef bint leaving, is_closed
    cdef readonly uint64_t queries      # messages read, over both transports
    cdef uint64_t sequence
    cdef Connection *free_slots
    cdef Connection **blocks            # 256 slots each
    cdef int block_count
    cdef Pending **heap                 # binary, by due_ns
    cdef Py_ssize_t heap_used, heap_room
    cdef uint8_t *input                 # the beginning of a frame, then one read behind it
    cdef Box output                     # answers to one read
    cdef uint8_t *datagram_input
    cdef uint8_t *datagram_output
    cdef uint8_t *controls              # of one batch

    def __cinit__(self, *, int port=0, int addresses=1, double nx=0.05, double loss=0, tuple delay_ms=(0, 0),
                  path=None, uint64_t seed=1):
        """Bind; OSError when the port is taken. UDP is served at so many `addresses` from 127.0.0.1 on, TCP at the first.
        delay_ms is (least, most), in milliseconds. The datagrams of each address have a `path` (a LabPath) of their own."""
        if not HAVE_BATCHES:
            raise OSError("the lab needs Linux")
        self.poll = self.spare = -1
        self.bind(port, addresses, BUFFER_OF_PATH if path else BUFFER)
        if path:
            self.lay(path, addresses, seed)
        if not open_zone(&self.zone, nx, loss, delay_ms[0], delay_ms[1], seed):
            raise MemoryError
        self.input = <uint8_t *>malloc(FRAME_MAX + READ)
        self.datagram_input = <uint8_t *>malloc(BATCH * DATAGRAM)
        self.datagram_output = <uint8_t *>malloc(RESPONSE_MAX)
        self.controls = <uint8_t *>malloc(BATCH * CONTROL)
        self.sockets = <int *>malloc(addresses * sizeof(int))
        if self.input is NULL or self.datagram_input is NULL or self.datagram_output is NULL:
            raise MemoryError
        if self.controls is NULL or self.sockets is NULL:
            raise MemoryError
        self.poll = epoll_create1(0)
        self.waker, self.wake = socket.socketpair()
        self.bell = self.waker.fileno()
        self.spare = dup(self.bell)
        for fd in (self.listener, self.bell):
            self.watch(EPOLL_CTL_ADD, fd, EPOLLIN, NULL)
        for index, each in enumerate(self.udp):
            self.sockets[index] = each.fileno()
            self.watch(EPOLL_CTL_ADD, each.fileno(), EPOLLIN, <void *>(<size_t>index << 1 | 1))

    def __dealloc__(self):
        cdef Py_ssize_t i
        cdef int block, slot
        for i in range(self.heap_used):
            free(self.heap[i])
        for block in range(self.block_count):
            for slot in range(256):
                if self.blocks[block][slot].fd >= 0:
                    close(self.blocks[block][slot].fd)
                empty(&self.blocks[block][slot].inbox)
                empty(&self.blocks[block][slot].outbox)
            free(self.blocks[block])
        free(self.blocks)
        free(self.heap)
        free(self.input)
        empty(&self.output)
        free(self.datagram_input)
        free(self.datagram_output)
        free(self.controls)
        free(self.sockets)
        close_zone(&self.zone)
        close_link(&self.link)
        if self.spare >= 0:
            close(self.spare)
        if self.poll >= 0:
            close(self.poll)
        self.close()

    cpdef close(self):
        """Give the ports back; `run` has returned."""
        for each in () if self.is_closed else (self.tcp, self.waker, self.wake, *(self.udp or ())):
            if each is not None:
                each.close()
        self.is_closed = True       # at the program's end they are objects without a body

    cdef lay(self, path, int addresses, uint64_t seed):
        """The path of each address; from here on the kernel notes when a datagram came, so that one which this process
        reads late has not come late."""
        set_numbers(&self.link, path, seed)
        if not open_link(&self.link, addresses):
            raise MemoryError
        for each in self.udp:
            each.setsockopt(SOL_SOCKET, SO_TIMESTAMPNS, 1)

    cdef bind(self, int port, int addresses, int buffer):
        """TCP and UDP on the same port; with 0 the first that all can have."""
        for tries in range(20):
            self.tcp = socket.socket()
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.tcp.bind(("127.0.0.1", port))
            self.port = self.tcp.getsockname()[1]
            self.udp = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(addresses)]
            try:
                for index, each in enumerate(self.udp):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
                    with suppress(PermissionError):         # beyond the system's limit: root only
                        each.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer)
                    each.bind((address(index), self.port))
                break
            except OSError:
                for each in (self.tcp, *self.udp):
                    each.close()
                if port or tries == 19:
                    raise
        self.tcp.listen(4096)
        for each in (self.tcp, *self.udp):
            each.setblocking(False)
        self.listener = self.tcp.fileno()

    def run(self) -> None:
        """Serve until `stop`; the GIL is released."""
        cdef epoll_event events[EVENTS]
        cdef int ready, i
        with nogil:
            while not self.leaving:
                ready = self.wait(events)
                self.clock_ns = now_ns()
                for i in range(max(0, ready)):
                    if events[i].data.ptr is NULL:
                        self.accept()
                    elif <size_t>events[i].data.ptr & 1:        # no pointer is odd: a datagram socket
                        self.read_datagrams(<int>(<size_t>events[i].data.ptr >> 1))
                    else:
                        self.serve(<Connection *>events[i].data.ptr, events[i].events)
                self.expire()

    def stop(self) -> None:
        """From any thread: `run` returns soon."""
        self.leaving = True
        self.wake.send(b"x")

    def delay(self, uint32_t least_ms, uint32_t most_ms) -> None:
        """From now on answers come so late; may be called by any thread."""
        self.zone.delay_least_ms = least_ms
        self.zone.delay_span_ms = most_ms - least_ms

    def counts(self) -> dict[str, int | float]:
        """What became of the datagrams of the path so far, for who tests a client; docs/reference/lab.md says what each
        is."""
        drops = (struct.unpack_from("=9I", each.getsockopt(SOL_SOCKET, SO_MEMINFO, 36)) for each in self.udp)
        return {
            "queries": self.link.queries, "questions": self.link.distinct, "answered": self.link.answered,
            "lost": self.link.lost, "dropped": self.link.dropped, "silent": self.link.silent,
            "repeated": self.link.repeated, "needless": self.link.needless,
            "overrun": sum(drop[MEMINFO_DROPS] for drop in drops), "late_ms": round(self.link.late_ns / 1e6, 3),
        }  # fmt: skip

    cdef int wait(self, epoll_event *events) noexcept nogil:
        """Until something is ready or due: to the microsecond, where epoll alone counts in milliseconds."""
        cdef pollfd polled
        cdef timespec left
        cdef int64_t left_ns
        if self.heap_used == 0:
            return epoll_wait(self.poll, events, EVENTS, -1)
        left_ns = max(<int64_t>0, min(self.heap[0].due_ns - now_ns(), 60 * SECOND_NS))
        left.tv_sec, left.tv_nsec = left_ns // SECOND_NS, left_ns % SECOND_NS
        polled.fd, polled.events = self.poll, POLLIN
        ppoll(&polled, 1, &left, NULL)
        return epoll_wait(self.poll, events, EVENTS, 0)

    cdef void watch(self, int what, int fd, unsigned int events, void *whom) noexcept nogil:
        cdef epoll_event event
        event.events = events
        event.data.ptr = whom
        epoll_ctl(self.poll, what, fd, &event)

    # -- connections --

    cdef void accept(self) noexcept nogil:
        cdef Connection *it
        cdef int fd
        if self.spare < 0:
            self.spare = dup(self.bell)             # it could not be had again at once: somebody else took it
        while True:
            fd = accept4(self.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd < 0 and (errno == EMFILE or errno == ENFILE) and self.spare >= 0:
                close(self.spare)               # one descriptor is kept for this: take the connection, and end it
                fd = accept4(self.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
                if fd >= 0:
                    close(fd)
                self.spare = dup(self.bell)
                return
            if fd < 0:
                return
            it = self.slot()
            if it is NULL:
                close(fd)
                return
            it.fd = fd
            self.watch(EPOLL_CTL_ADD, fd, EPOLLIN, it)

    cdef Connection *slot(self) noexcept nogil:
        """A free slot, NULL when there is no memory."""
        cdef Connection *it
        cdef Connection **blocks
        cdef int i
        if self.free_slots is NULL:
            blocks = <Connection **>realloc(self.blocks, (self.block_count + 1) * sizeof(Connection *))
            if blocks is NULL:
                return NULL
            self.blocks = blocks
            it = <Connection *>calloc(256, sizeof(Connection))
            if it is NULL:
                return NULL
            self.blocks[self.block_count] = it
            self.block_count += 1
            for i in range(256):
                it[i].fd = -1
                it[i].next_free = self.free_slots
                self.free_slots = &it[i]
        it = self.free_slots
        self.free_slots = it.next_free
        it.generation += 1
        it.stalled = it.ending = False
        return it

    cdef void end(self, Connection *it, bint reset) noexcept nogil:
        cdef linger hard
        if it.fd < 0:
            return
        if reset:
            hard.l_onoff, hard.l_linger = 1, 0
            setsockopt(it.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard))
        close(it.fd)
        it.fd = -1
        it.generation += 1
        empty(&it.inbox)
        empty(&it.outbox)
        it.next_free = self.free_slots
        self.free_slots = it

    cdef void serve(self, Connection *it, unsigned int events) noexcept nogil:
        """One connection that is ready: first what waits for it, then what it asks."""
        if it.fd < 0:
            return                              # ended earlier in this turn
        if it.stalled:
            self.deliver(it, NULL, 0)
        elif events:
            self.read(it)

    cdef void read(self, Connection *it) noexcept nogil:
        """One read: answer the whole frames, keep the beginning of the next."""
        cdef Py_ssize_t held = it.inbox.used, got, at = 0, size
        cdef Act act = ANSWER
        if held:
            memcpy(self.input, it.inbox.octets, held)
        it.inbox.used = 0
        got = recv(it.fd, self.input + held, READ, MSG_DONTWAIT)
        if got < 0 and (errno == EAGAIN or errno == EINTR):
            got = 0
        elif got <= 0:
            self.end(it, False)
            return
        got += held
        self.output.used = 0
        while act == ANSWER and at + 2 <= got:
            size = (self.input[at] << 8) | self.input[at + 1]
            if at + 2 + size > got:
                break
            act = self.answer(it, self.input + at + 2, size)
            at += 2 + size
        if act == RESET:
            self.end(it, True)
        elif act == CLOSE:
            it.ending = True
        elif not put(&it.inbox, self.input + at, got - at):
            self.end(it, True)
        if it.fd >= 0:
            self.deliver(it, self.output.octets, self.output.used)

    cdef Act answer(self, Connection *it, const uint8_t *query, Py_ssize_t size) noexcept nogil:
        """Append the answer to `output`, or keep it until it is due."""
        cdef Reply reply
        cdef uint8_t *at
        cdef int copy
        self.queries += 1
        if not make_room(&self.output, FRAME_MAX):
            return RESET
        at = self.output.octets + self.output.used
        reply_to(&self.zone, query, size, True, at + 2, &reply)
        if reply.act != ANSWER:
            return reply.act if reply.act == CLOSE or reply.act == RESET else ANSWER
        at[0], at[1] = <uint8_t>(reply.size >> 8), <uint8_t>reply.size
        if reply.delay_ms:
            self.later(self.tick(reply.delay_ms), it, -1, NULL, at, reply.size + 2)
            return ANSWER
        self.output.used += reply.size + 2
        for copy in range(1, reply.copies):
            if make_room(&self.output, FRAME_MAX):
                at = self.output.octets + self.output.used - reply.size - 2
                put(&self.output, at, reply.size + 2)
        return ANSWER

    cdef void deliver(self, Connection *it, const uint8_t *octets, Py_ssize_t size) noexcept nogil:
        """Send what waits and then `octets`; what the peer does not take waits, and the peer is not read from."""
        cdef ssize_t sent = 0
        cdef bint stalls
        if it.outbox.used and size:
            if not put(&it.outbox, octets, size):
                self.end(it, True)
                return
            size = 0
        if it.outbox.used:
            sent = send(it.fd, it.outbox.octets, it.outbox.used, MSG_DONTWAIT | MSG_NOSIGNAL)
            if sent > 0:
                take(&it.outbox, sent)
        elif size:
            sent = send(it.fd, octets, size, MSG_DONTWAIT | MSG_NOSIGNAL)
            if sent < size and (sent >= 0 or errno == EAGAIN) and put(&it.outbox, octets + max(0, sent), size - max(0, sent)):
                sent = 0
        if sent < 0 and errno != EAGAIN and errno != EINTR:
            self.end(it, False)
            return
        stalls = it.outbox.used > 0
        if it.ending and not stalls:
            self.end(it, False)
        elif stalls != it.stalled:
            it.stalled = stalls
            self.watch(EPOLL_CTL_MOD, it.fd, EPOLLOUT if stalls else EPOLLIN, it)

    # -- datagrams --

    cdef void read_datagrams(self, int index) noexcept nogil:
        """Of one address: until the socket is empty, or 16 batches, so that connections get their turn."""
        cdef mmsghdr messages[BATCH]
        cdef iovec pieces[BATCH]
        cdef sockaddr_in addresses[BATCH]
        cdef int i, got, turn, fd = self.sockets[index]
        for turn in range(16):
            for i in range(BATCH):
                pieces[i].iov_base = self.datagram_input + i * DATAGRAM
                pieces[i].iov_len = DATAGRAM
                aim(&messages[i], &pieces[i], &addresses[i])
                if self.link.used:
                    messages[i].msg_hdr.msg_control = self.controls + i * CONTROL
                    messages[i].msg_hdr.msg_controllen = CONTROL
            got = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL)
            if got <= 0:
                return
            self.queries += got
            if self.link.used:
                self.carry_batch(index, messages, got)
            else:
                self.answer_batch(fd, messages, got)
            if got < BATCH:
                return

    cdef void carry_batch(self, int index, mmsghdr *messages, int count) noexcept nogil:
        """Over the path: every answer waits until it arrives, be it at once."""
        cdef Reply reply
        cdef Question *question
        cdef iovec *piece
        cdef int64_t due_ns = 0, of_day = now_ns(CLOCK_REALTIME)
        cdef int64_t now = now_ns()             # the later of the two: a pause between them makes nothing early
        cdef int i, copy
        for i in range(count):
            piece = messages[i].msg_hdr.msg_iov
            question = take_in(&self.link, index, arrived_ns(&messages[i].msg_hdr, of_day - now, now),
                               <uint8_t *>piece.iov_base, messages[i].msg_len, &due_ns)
            if question is NULL:
                continue
            reply_to(&self.zone, <uint8_t *>piece.iov_base, messages[i].msg_len, False, self.datagram_output, &reply)
            if reply.act != ANSWER:
                self.link.silent += 1
                continue
            question.answered = True
            self.link.answered += 1
            for copy in range(reply.copies):
                self.later(due_ns + reply.delay_ms * TICK_NS, NULL, self.sockets[index],
                           <sockaddr_in *>messages[i].msg_hdr.msg_name, self.datagram_output, reply.size)

    cdef void answer_batch(self, int fd, mmsghdr *messages, int count) noexcept nogil:
        """Answers of 1,232 octets and less go out together; each takes its query's place in the batch."""
        cdef Reply reply
        cdef mmsghdr out[BATCH]
        cdef iovec *piece
        cdef int i, copy, ready = 0, sent = 0
        for i in range(count):
            piece = messages[i].msg_hdr.msg_iov
            reply_to(&self.zone, <uint8_t *>piece.iov_base, messages[i].msg_len, False, self.datagram_output, &reply)
            if reply.act != ANSWER:
                continue
            if reply.delay_ms:
                self.later(self.tick(reply.delay_ms), NULL, fd, <sockaddr_in *>messages[i].msg_hdr.msg_name,
                           self.datagram_output, reply.size)
                continue
            for copy in range(1, reply.copies):
                self.send_datagram(fd, <sockaddr_in *>messages[i].msg_hdr.msg_name, self.datagram_output, reply.size)
            if reply.size > DATAGRAM:
                self.send_datagram(fd, <sockaddr_in *>messages[i].msg_hdr.msg_name, self.datagram_output, reply.size)
                continue
            memcpy(piece.iov_base, self.datagram_output, reply.size)
            piece.iov_len = reply.size
            out[ready] = messages[i]
            ready += 1
        while sent < ready:
            i = sendmmsg(fd, out + sent, ready - sent, MSG_DONTWAIT | MSG_NOSIGNAL)
            if i <= 0:
                return                          # a full buffer loses datagrams, as networks do
            sent += i

    cdef void send_datagram(self, int fd, sockaddr_in *to, const uint8_t *octets, Py_ssize_t size) noexcept nogil:
        sendto(fd, octets, size, MSG_DONTWAIT | MSG_NOSIGNAL, to, sizeof(sockaddr_in))

    # -- delayed answers --

    cdef int64_t tick(self, uint32_t delay_ms) noexcept nogil:
        """When an answer is due that is late by so much."""
        return (self.clock_ns // TICK_NS + delay_ms) * TICK_NS

    cdef void later(self, int64_t due_ns, Connection *to, int fd, sockaddr_in *address, const uint8_t *octets,
                    Py_ssize_t size) noexcept nogil:
        """Keep an answer for later; without memory it is lost, as in a network."""
        cdef Pending **heap
        cdef Pending *it
        cdef Py_ssize_t at, parent, rooms = max(1024, self.heap_room * 2)
        if self.heap_used == self.heap_room:
            heap = <Pending **>realloc(self.heap, rooms * sizeof(Pending *))
            if heap is NULL:
                return
            self.heap, self.heap_room = heap, rooms
        it = <Pending *>malloc(sizeof(Pending) + size)
        if it is NULL:
            return
        it.due_ns, it.sequence, it.to, it.size = due_ns, self.sequence, to, size
        self.sequence += 1
        if to is not NULL:
            it.generation = to.generation
        else:
            it.fd, it.address = fd, address[0]
        memcpy(it.octets, octets, size)
        at = self.heap_used
        self.heap_used += 1
        while at and earlier(it, self.heap[(at - 1) // 2]):
            parent = (at - 1) // 2
            self.heap[at] = self.heap[parent]
            at = parent
        self.heap[at] = it

    cdef Pending *first(self) noexcept nogil:
        """Take the earliest off the heap."""
        cdef Pending *top = self.heap[0]
        cdef Pending *last
        cdef Py_ssize_t at = 0, child
        self.heap_used -= 1
        last = self.heap[self.heap_used]
        while 2 * at + 1 < self.heap_used:
            child = 2 * at + 1
            if child + 1 < self.heap_used and earlier(self.heap[child + 1], self.heap[child]):
                child += 1
            if not earlier(self.heap[child], last):
                break
            self.heap[at] = self.heap[child]
            at = child
        self.heap[at] = last
        return top

    cdef void expire(self) noexcept nogil:
        """Send what is due; answers in a row to one connection go in one send."""
        cdef Connection *to = NULL
        cdef Pending *it
        cdef uint32_t generation = 0
        self.output.used = 0
        self.clock_ns = now_ns()
        while self.heap_used and self.heap[0].due_ns <= self.clock_ns:
            it = self.first()
            self.link.late_ns = max(self.link.late_ns, self.clock_ns - it.due_ns)
            if it.to is NULL:
                self.send_datagram(it.fd, &it.address, it.octets, it.size)
            else:
                if it.to != to or it.generation != generation:
                    self.hand(to, generation)
                    to, generation = it.to, it.generation
                put(&self.output, it.octets, it.size)
            free(it)
        self.hand(to, generation)

    cdef void hand(self, Connection *to, uint32_t generation) noexcept nogil:
        """`output` to the connection, if it is still the same."""
        if to is not NULL and to.fd >= 0 and to.generation == generation:
            self.deliver(to, self.output.octets, self.output.used)
        self.output.used = 0


def address(int index) -> str:
    """Of 127.0.0.0/8: 127.0.0.1 is number 0; none ends in 0 or 255."""
    return f"127.{index // 254 // 254}.{index // 254 % 254}.{index % 254 + 1}"


cdef int64_t arrived_ns(msghdr *message, int64_t ahead_ns, int64_t now) noexcept nogil:
    """When the kernel took a datagram in, on our clock; the kernel's, of the day, is `ahead_ns` ahead of that."""
    cdef cmsghdr *control = <cmsghdr *>message.msg_control
    cdef timespec stamp
    if message.msg_controllen < CMSG_LEN(sizeof(timespec)) or control.cmsg_type != SO_TIMESTAMPNS:
        return now
    memcpy(&stamp, CMSG_DATA(control), sizeof(timespec))
    return min(now, stamp.tv_sec * SECOND_NS + stamp.tv_nsec - ahead_ns)


cdef void aim(mmsghdr *message, iovec *piece, sockaddr_in *address) noexcept nogil:
    message.msg_hdr.msg_name = address
    message.msg_hdr.msg_namelen = sizeof(sockaddr_in)
    message.msg_hdr.msg_iov = piece
    message.msg_hdr.msg_iovlen = 1
    message.msg_hdr.msg_control = NULL
    message.msg_hdr.msg_controllen = 0
