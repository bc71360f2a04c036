"""All paths of an engine, in one block of memory. Plain structs: what runs without the GIL works on these."""

from scanner.native.exchange cimport Exchange
from scanner.native.jobs.pool cimport JobPool
from scanner.native.sockets cimport sockaddr_in6
from scanner.native.udp.path cimport Company, UdpPath

cdef class PathTable:
    cdef JobPool pool
    cdef Exchange exchange              # the pool's
    cdef list addresses                 # what `paths` was made of: their states and tags are kept alive
    cdef UdpPath *paths
    cdef int path_count, path_room      # there are, and there is memory for
    cdef list outgrown                  # memory of before, where another thread may yet be reading
    cdef UdpPath **by_address           # the same, sorted
    cdef Company *companies             # by route
    cdef int company_count              # of routes that `companies` has room for
    cdef double spare                   # queries that may be asked again early, by any path (round_trips.pxd)
    cdef bint case                      # the case of answers is looked at
    cdef int forged                     # paths that are asked over TCP only

    cdef int enter(self, addresses, bint moves_when_cut) except -1
    cdef int make_companies(self) except -1
    cdef int make_room(self, int paths) except -1
    cdef int add_path(self, int index) except -1
    cdef int enter_routes(self, UdpPath *path, tuple routes, tuple ranks) except -1
    cdef UdpPath *path_at(self, sockaddr_in6 *address) noexcept nogil
