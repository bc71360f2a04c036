# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Opening, choosing, retiring and closing source ports. It never sends and never receives."""

cimport cython
import errno as errors

from libc.errno cimport errno
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memset
from posix.unistd cimport close

from scanner.native.memory cimport checked_alloc
from scanner.native.random cimport draw
from scanner.native.sockets cimport EPOLL_CTL_ADD, EPOLLIN, epoll_create1, epoll_ctl, epoll_event

cdef const double PORT_S = 10.0         # the life of a port
cdef const double OPEN_AGAIN_S = 0.05   # after a socket that could not be opened


@cython.final
cdef class Ports:
    """`open_port(v6)` gives a bound non-blocking socket; with `peer`, an address for Python's sockets, it is connected."""

    def __cinit__(self, Exchange exchange not None, open_port, peer):
        self.exchange, self.open_port, self.peer = exchange, open_port, peer
        self.poll = epoll_create1(0)
        if self.poll < 0:
            raise OSError(errno, "epoll")

    def __dealloc__(self):
        cdef int index
        self.close_all()
        for index in range(self.count):
            free(self.all[index].channel.places)
            free(self.all[index])
        free(self.all)

    def close(self) -> None:
        """Close every descriptor; what is asked later finds none."""
        self.close_all()

    cdef void close_all(self) noexcept:
        cdef int index
        for index in range(self.count):
            if self.all[index].fd >= 0:
                close(self.all[index].fd)
                self.all[index].fd = -1
        self.families[0].count = self.families[1].count = 0
        if self.poll >= 0:
            close(self.poll)
            self.poll = -1

    cdef bint is_connected(self) noexcept nogil:
        """To one peer, which saves the kernel a look-up for each datagram."""
        return self.peer is not None

    cdef Port *choose(self, int family, double now) except? NULL nogil:
        """One of the ports in use, at random; used-up ones are retired, new ones opened. NULL when none can be had."""
        cdef PortFamily *here = &self.families[family]
        cdef Port *port
        cdef int fd
        if here.count == PORTS:
            port = here.ports[draw(&self.exchange.random, 1)[0] % PORTS]
            if port.sent < PORT_QUERIES:
                return port
            self.retire(port)
        if now < here.open_after:
            return self.least_used(family)
        fd = self.opened(family)
        port = self.begin(fd, family, now) if fd >= 0 else NULL
        if port is not NULL:
            return port
        self.exchange.troubles += 1             # no more descriptors, or no such address family here
        here.open_after = now + OPEN_AGAIN_S
        return self.least_used(family)

    cdef Port *least_used(self, int family) noexcept nogil:
        """One that may still send, NULL where there is none."""
        cdef PortFamily *here = &self.families[family]
        cdef int index
        for index in range(here.count):
            if here.ports[index].sent < PORT_QUERIES:
                return here.ports[index]
        return NULL

    cdef int opened(self, bint v6) except -2 with gil:
        """A new socket's descriptor; -1 when there can be none."""
        try:
            sock = self.open_port(bool(v6))
            if self.peer is not None:
                sock.connect(self.peer)
            self.trouble = 0
            return sock.detach()
        except OSError as error:
            self.trouble = error.errno or errors.EIO
            return -1

    cdef Port *begin(self, int fd, int family, double now) except? NULL nogil:
        """Put the descriptor to use; NULL when it cannot be watched, and then it is closed."""
        cdef Port *port = self.free
        cdef epoll_event event
        if port is not NULL:
            self.free = port.next_free
        else:
            self.all = <Port **>checked_alloc(realloc(self.all, (self.count + 1) * sizeof(Port *)))
            port = <Port *>checked_alloc(calloc(1, sizeof(Port)))
            port.slot = self.count
            self.all[self.count] = port
            self.count += 1
        port.fd, port.v6, port.retired, port.born, port.sent, port.dropped = fd, family, False, now, 0, 0
        port.channel.carrier = port
        memset(port.over, 0, sizeof(port.over))
        memset(port.given_up, 0, sizeof(port.given_up))
        event.events = EPOLLIN
        event.data.ptr = port
        if epoll_ctl(self.poll, EPOLL_CTL_ADD, fd, &event) < 0:
            self.trouble = errno
            self.shut(port)
            return NULL
        self.families[family].ports[self.families[family].count] = port
        self.families[family].count += 1
        return port

    cdef int age(self, double now) noexcept nogil:
        """Retire ports that are old, and close those on which nothing is in flight."""
        cdef int index
        cdef Port *port
        for index in range(self.count):
            port = self.all[index]
            if port.fd >= 0 and not port.retired and now - port.born > PORT_S:
                self.retire(port)
            else:
                self.let_go(port)
        return 0

    cdef void retire(self, Port *port) noexcept nogil:
        """Send no more from it; what is in flight may still be answered."""
        cdef PortFamily *family = &self.families[port.v6]
        cdef int index
        port.retired = True
        for index in range(family.count):
            if family.ports[index] == port:
                family.count -= 1
                family.ports[index] = family.ports[family.count]
                break
        self.let_go(port)

    cdef void let_go(self, Port *port) noexcept nogil:
        """Close a retired port when nothing is in flight on it."""
        if port.fd >= 0 and port.retired and port.channel.in_flight == 0:
            self.shut(port)

    cdef void shut(self, Port *port) noexcept nogil:
        close(port.fd)                          # which takes it out of the epoll set
        port.fd = -1
        port.next_free = self.free
        self.free = port
