"""The second body of the heart: queries as datagrams, many in flight, one epoll for all sockets (Linux).

Its parts, each a class below it: the paths (`table`), which of them is asked next (`choice`), what comes (`reader`). No
Python object is touched but to open a port or to read a line that is no plain name.
"""

from libc.stdint cimport uint8_t

from scanner.native.jobs.job cimport Job, Query
from scanner.native.sockets cimport epoll_event
from scanner.native.udp.batch cimport SendBatch
from scanner.native.udp.path cimport UdpPath
from scanner.native.udp.ports cimport Port
from scanner.native.udp.reader cimport DatagramReader

cdef class UdpEngine(DatagramReader):
    cdef SendBatch batch
    cdef readonly bint is_distant       # of many paths all take long: a turn may wait for some responses to come together
    cdef readonly bint is_paced         # some path is sent to at a pace: it wants a turn each millisecond
    cdef double timeout_s
    cdef bint closed
    cdef bint early                     # names are asked again before their attempts end
    cdef double leaves_at               # s, monotonic: the batch that is written
    cdef double wait_until              # s, monotonic: no sending before, after a full buffer
    cdef public int stream_room         # jobs that may yet be given to streams for those that are asked over TCP only

    cdef int steps(self, double now, double stays_s) except -1 nogil
    cdef int step(self, double now, epoll_event *events, int ready) except -1 nogil
    cdef int expire(self, double now) except -1 nogil
    cdef int end_attempt(self, Query *query, UdpPath *path, double now) except -1 nogil
    cdef void look_at(self, Query *query, UdpPath *path, double clock, double now) noexcept nogil
    cdef bint let_it_go(self, Query *query, UdpPath *path, bint evident, double patience, double now) noexcept nogil
    cdef int ask_streams(self, double now) except -1 nogil
    cdef int fill(self, double now) except -1 nogil
    cdef int gather(self, Port *port, int most, double now) except -1 nogil
    cdef Query *next_repeat(self, UdpPath *path, double now) noexcept nogil
    cdef Query *first_in_line(self, UdpPath *path, double clock) noexcept nogil
    cdef int ask(self, Port *port, Job *job, UdpPath *path, int at, bint is_early, double now) except -1 nogil
    cdef int write(self, uint8_t *octets, Query *query, UdpPath *path) except -1 nogil
    cdef bint ship(self, Port *port, int count, double now) except -1 nogil
    cdef void see_departures(self, int count) noexcept nogil
    cdef int unsend(self, Port *port, int first, int behind, double now) except -1 nogil
    cdef void without_stream(self, Job *job) noexcept nogil
