"""The second body of the heart: queries as datagrams, many in flight, one epoll for all sockets (Linux).

A query in flight stands in three counts: the exchange's, its port's and its path's. `account` takes it out of the last
two; its caller ends the query in the exchange. No Python object is touched but to open a port or to read a line that is
no plain name.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t

from scanner.native.exchange cimport Exchange
from scanner.native.jobs.retry cimport Route
from scanner.native.jobs.job cimport Job, Query, StreamCause
from scanner.native.jobs.pool cimport JobPool
from scanner.native.message.response cimport Fit, Response
from scanner.native.sockets cimport sockaddr_in6
from scanner.native.tally cimport Tally
from scanner.native.udp.batch cimport ReceiveBatch, SendBatch
from scanner.native.udp.path cimport Company, UdpPath
from scanner.native.udp.ports cimport Port, Ports

cdef enum:
    RING = 64               # milliseconds ahead

cdef struct Roomy:          # paths of one address family with room
    int *places             # indexes of paths
    int count

cdef class UdpEngine:
    cdef JobPool pool
    cdef Exchange exchange              # the pool's
    cdef readonly Ports ports
    cdef ReceiveBatch received
    cdef SendBatch batch
    cdef list addresses                 # what `paths` was made of: their states and tags are kept alive
    cdef UdpPath *paths
    cdef int path_count, path_room      # there are, and there is memory for
    cdef int company_count              # of routes that `companies` has room for
    cdef list outgrown                  # memory of before, where another thread may yet be reading
    cdef UdpPath **by_address           # the same, sorted
    cdef Roomy roomy[2]                 # IPv4, IPv6
    cdef int ring[RING]                 # by millisecond: the first path that time brings room then, -1 = none
    cdef int64_t ring_at                # the last millisecond whose paths were considered
    cdef readonly bint is_many          # not all paths are looked at in each turn: those in the ring are, when it is time
    cdef public bint is_changed         # some path is asked or not asked from now on. Any thread may set it
    cdef readonly bint is_distant       # of many paths all take long: a turn may wait for some responses to come together
    cdef double spare                   # queries that may be asked again early, by any path (round_trips.pxd)
    cdef readonly Tally strangers       # what came from addresses that were not asked
    cdef int in_flight                  # queries that hold a place in their path's window
    cdef double limit                   # how many may: with each response one more, up to `slots`
    cdef double steep_until             # the same: from there on it grows slowly, since responses were dropped
    cdef int slots
    cdef readonly int64_t overruns      # responses that this machine dropped because it read too late. Any thread may read it
    cdef readonly bint is_paced         # some path is sent to at a pace: it wants a turn each millisecond
    cdef double timeout_s, rtt          # s; rtt: a moving mean over all paths
    cdef Company *companies             # by route
    cdef int policy
    cdef public unsigned int turn_of    # the last pick among the paths with room
    cdef bint case, closed
    cdef bint early                     # names are asked again before their attempts end
    cdef double before                  # s, monotonic: the turn before
    cdef int were_in_flight             # at its end
    cdef double came                    # s, monotonic: when the datagram came that is looked at
    cdef double considered_at           # s, monotonic: when all paths were looked at for room
    cdef double leaves_at               # s, monotonic: the batch that is written
    cdef double wait_until              # s, monotonic: no sending before, after a full buffer
    cdef int forged                     # paths that are asked over TCP only
    cdef public int stream_room         # jobs that may yet be given to streams for those

    cdef int make_room(self, int paths) except -1
    cdef int make_companies(self) except -1
    cdef int add_path(self, int index) except -1
    cdef int enter_routes(self, UdpPath *path, tuple routes, tuple ranks) except -1
    cdef UdpPath *path_at(self, sockaddr_in6 *address) noexcept nogil
    cdef int step(self, double now) except -1 nogil
    cdef int drain(self, Port *port, double now) except -1 nogil
    cdef void see_overrun(self, Port *port, uint32_t dropped) noexcept nogil
    cdef bint message(self, Port *port, const uint8_t *message, Py_ssize_t length, sockaddr_in6 *source,
                      double now) except -1 nogil
    cdef int understand(self, Query *query, UdpPath *path, const uint8_t *message, Py_ssize_t length,
                        double now) except -1 nogil
    cdef StreamCause doubt(self, Query *query, UdpPath *path, const uint8_t *message, const Response *response, Fit fit,
                           double now) noexcept nogil
    cdef int await_cookie(self, Query *query, UdpPath *path, double now) noexcept nogil
    cdef int to_stream(self, Query *query, StreamCause cause) except -1 nogil
    cdef void without_stream(self, Job *job) noexcept nogil
    cdef int stray(self, Port *port, int message_id, Query *query, sockaddr_in6 *source, double now) except -1 nogil
    cdef int count_stray(self, UdpPath *path, double now) noexcept nogil
    cdef void drain_errors(self, Port *port, double now) noexcept nogil
    cdef int expire(self, double now) except -1 nogil
    cdef int end_attempt(self, Query *query, UdpPath *path, double now) except -1 nogil
    cdef void look_at(self, Query *query, UdpPath *path, double clock, double now) noexcept nogil
    cdef bint let_it_go(self, Query *query, UdpPath *path, bint evident, double patience, double now) noexcept nogil
    cdef void hear(self, Query *query, UdpPath *path, double now) noexcept nogil
    cdef void learn_from_many(self, Query *query, UdpPath *path) noexcept nogil
    cdef Query *next_repeat(self, UdpPath *path, double now) noexcept nogil
    cdef Query *first_in_line(self, UdpPath *path, double clock) noexcept nogil
    cdef void let_leave(self, Query *query, UdpPath *path, double now) noexcept nogil
    cdef void account(self, Query *query, UdpPath *path, double now) noexcept nogil
    cdef unsigned int better_of_two(self, const Roomy *roomy, uint32_t drawn) noexcept nogil
    cdef double queue_s(self, const UdpPath *path) noexcept nogil
    cdef unsigned int first_of(self, const Roomy *roomy) noexcept nogil
    cdef void find_leaders(self, double now) noexcept nogil
    cdef bint follows(self, UdpPath *path, int at) noexcept nogil
    cdef Job *second_choice(self, UdpPath *path, int route, double now) except? NULL nogil
    cdef bint is_wanted(self, UdpPath *path) noexcept nogil
    cdef bint unproven(self, UdpPath *path, int route) noexcept nogil
    cdef bint is_last_resort(self, const Route *jobs, double now) noexcept nogil
    cdef bint doubtful(self, UdpPath *path, int route) noexcept nogil
    cdef bint is_needed(self, UdpPath *path) noexcept nogil
    cdef bint waits_for_more(self, UdpPath *path) noexcept nogil
    cdef bint serves(self, UdpPath *path, const Job *job) noexcept nogil
    cdef void consider(self, UdpPath *path, double now) noexcept nogil
    cdef void consider_all(self, double now) noexcept nogil
    cdef void consider_due(self, double now) noexcept nogil
    cdef void enter_ring(self, UdpPath *path, double now) noexcept nogil
    cdef void shut(self, UdpPath *path) noexcept nogil
    cdef UdpPath *pick(self, int family, double now) except? NULL nogil
    cdef Job *next_job(self, UdpPath *path, double now) except? NULL nogil
    cdef int ask_streams(self, double now) except -1 nogil
    cdef int fill(self, double now) except -1 nogil
    cdef int gather(self, Port *port, int most, double now) except -1 nogil
    cdef int ask(self, Port *port, Job *job, UdpPath *path, int at, bint is_early, double now) except -1 nogil
    cdef int write(self, uint8_t *octets, Query *query, UdpPath *path) except -1 nogil
    cdef bint ship(self, Port *port, int count, double now) except -1 nogil
    cdef void see_departures(self, int count) noexcept nogil
    cdef int unsend(self, Port *port, int first, int behind, double now) except -1 nogil
