"""The paths with room, and the order in which they are asked."""

from libc.stdint cimport int64_t, uint32_t

from scanner.native.jobs.job cimport Job
from scanner.native.jobs.retry cimport Route
from scanner.native.udp.path cimport UdpPath
from scanner.native.udp.table cimport PathTable

cdef enum:
    RING = 64                   # milliseconds ahead
    WORKER_NONE = -1

cdef enum Policy:               # in the order of POLICIES
    RANDOM
    ROUND_ROBIN
    STICKY
    SEQUENTIAL
    BEST

cdef struct Roomy:              # paths of one address family with room
    int *places                 # indexes of paths
    int count

cdef class PathChoice(PathTable):
    cdef int policy
    cdef Roomy roomy[2]                 # IPv4, IPv6
    cdef int ring[RING]                 # by millisecond: the first path that time brings room then, -1 = none
    cdef int64_t ring_at                # the last millisecond whose paths were considered
    cdef readonly bint is_many          # not all paths are looked at in each turn: those in the ring are, when it is time
    cdef public bint is_changed         # some path is asked or not asked from now on. Any thread may set it
    cdef public unsigned int turn_of    # the last pick among the paths with room
    cdef double considered_at           # s, monotonic: when all paths were looked at for room
    cdef double rtt                     # s, a moving mean over all paths

    cdef int begin_choice(self, int policy) except -1
    cdef int choose_among_more(self, int first) except -1
    cdef void look_for_room(self, double now) noexcept nogil
    cdef void count_sound(self) noexcept nogil
    cdef void consider(self, UdpPath *path, double now) noexcept nogil
    cdef void consider_all(self, double now) noexcept nogil
    cdef void consider_due(self, double now) noexcept nogil
    cdef void enter_ring(self, UdpPath *path, double now) noexcept nogil
    cdef void shut(self, UdpPath *path) noexcept nogil
    cdef UdpPath *pick(self, int family, double now) except? NULL nogil
    cdef unsigned int better_of_two(self, const Roomy *roomy, uint32_t drawn) noexcept nogil
    cdef double queue_s(self, const UdpPath *path) noexcept nogil
    cdef unsigned int first_of(self, const Roomy *roomy) noexcept nogil
    cdef void find_leaders(self, double now) noexcept nogil
    cdef bint follows(self, UdpPath *path, int at) noexcept nogil
    cdef Job *second_choice(self, UdpPath *path, int route, double now) except? NULL nogil
    cdef bint is_last_resort(self, const Route *jobs, double now) noexcept nogil
    cdef bint is_wanted(self, UdpPath *path) noexcept nogil
    cdef bint unproven(self, UdpPath *path, int route) noexcept nogil
    cdef bint doubtful(self, UdpPath *path, int route) noexcept nogil
    cdef bint is_needed(self, UdpPath *path) noexcept nogil
    cdef bint waits_for_more(self, UdpPath *path) noexcept nogil
    cdef bint serves(self, UdpPath *path, const Job *job) noexcept nogil
    cdef Job *next_job(self, UdpPath *path, double now) except? NULL nogil
