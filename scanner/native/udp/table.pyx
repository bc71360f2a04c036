# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The paths of an engine: found by address, entered under the routes whose names they are asked for, and what each has shown
of itself."""

from libc.stdlib cimport bsearch, calloc, free, qsort, realloc
from libc.string cimport memcmp, memcpy, memset

from scanner.native.memory cimport checked_alloc
from scanner.native.output.buffer cimport span_of
from scanner.native.path cimport PathState
from scanner.native.random cimport draw
from scanner.native.udp.path cimport CASE_FAILURES_MAX, begin_path, key_size


cdef int by_key(const void *one, const void *other) noexcept nogil:
    """Order of paths by family, port and address."""
    cdef const UdpPath *first = (<const UdpPath **>one)[0]
    cdef const UdpPath *second = (<const UdpPath **>other)[0]
    cdef int sizes = key_size(&first.address) - key_size(&second.address)
    return sizes if sizes else memcmp(&first.address, &second.address, key_size(&first.address))


cdef class PathTable:
    """The part of an engine that has its paths; it knows nothing of jobs or sockets."""

    cdef int enter(self, addresses, bint moves_when_cut) except -1:
        """More paths, at the end of the others."""
        cdef int index
        self.make_companies()
        self.make_room(self.path_count + <int>len(addresses))
        for address in addresses:
            self.addresses.append(address)
            self.paths[self.path_count].moves_when_cut = moves_when_cut
            self.add_path(self.path_count)
            self.path_count += 1
        for index in range(self.path_count):
            self.by_address[index] = &self.paths[index]
        qsort(self.by_address, self.path_count, sizeof(UdpPath *), by_key)
        return 0

    def reroute(self, int resolver, tuple routes not None, tuple ranks not None) -> None:
        """The path to this resolver, by its index, asks names of these routes from now on, where it has these places; in
        the engine's own thread."""
        cdef UdpPath *path
        cdef int index, route
        self.make_companies()
        for index in range(self.path_count):
            path = &self.paths[index]
            if path.resolver == resolver:
                before = frozenset(path.routes[route] for route in range(path.route_count))
                self.addresses[index].state.reroute(routes)
                self.enter_routes(path, routes, ranks)
                for route in before.symmetric_difference(routes) if path.answered else ():
                    self.companies[route].proven += -1 if route in before else 1

    cdef int make_companies(self) except -1:
        """One for each route that the pool has now."""
        cdef int count = self.pool.route_count, index
        if count > self.company_count:
            self.companies = <Company *>checked_alloc(realloc(self.companies, 2 * count * sizeof(Company)))
            memset(&self.companies[self.company_count], 0, (2 * count - self.company_count) * sizeof(Company))
            self.company_count = 2 * count
        return 0

    cdef int make_room(self, int paths) except -1:
        """Memory for so many paths. What was there before is freed with the engine: another thread may be reading it."""
        cdef int room = max(paths, 1) if self.path_room == 0 else max(paths, 2 * self.path_room)
        cdef UdpPath *grown
        if paths <= self.path_room:
            return 0
        grown = <UdpPath *>checked_alloc(calloc(room, sizeof(UdpPath)))
        if self.paths is not NULL:
            memcpy(grown, self.paths, self.path_count * sizeof(UdpPath))
            self.outgrown.append(<size_t>self.paths)
        self.paths = grown
        self.by_address = <UdpPath **>checked_alloc(realloc(self.by_address, room * sizeof(UdpPath *)))
        self.path_room = room
        return 0

    cdef int add_path(self, int index) except -1:
        cdef UdpPath *path = &self.paths[index]
        cdef PathState state = self.addresses[index].state
        begin_path(path, self.addresses[index].address, self.addresses[index].port, self.addresses[index].scope,
                   draw(&self.exchange.random, 8), &self.spare)
        path.habits, path.counts, path.bucket = &state.habits, state.counts(), &state.bucket.state
        path.resolver = state.resolver
        self.enter_routes(path, state.routes, self.addresses[index].ranks)
        path.tags = span_of(self.addresses[index].tags)
        return 0

    cdef int enter_routes(self, UdpPath *path, tuple routes, tuple ranks) except -1:
        """Its routes, and its place in the list of each."""
        if not routes or not 0 <= min(routes) <= max(routes) < self.pool.route_count:
            raise ValueError(f"no routes {routes}")
        path.routes = <int *>checked_alloc(realloc(path.routes, len(routes) * sizeof(int)))
        path.ranks = <int *>checked_alloc(realloc(path.ranks, len(routes) * sizeof(int)))
        path.route_count = path.turn_of = 0
        for route, rank in zip(routes, ranks):
            path.routes[path.route_count], path.ranks[path.route_count] = route, rank
            path.route_count += 1
        return 0

    def __dealloc__(self):
        cdef int index
        for index in range(self.path_count if self.paths is not NULL else 0):
            free(self.paths[index].routes)
            free(self.paths[index].ranks)
        for outgrown in self.outgrown or ():
            free(<void *><size_t>outgrown)
        free(self.companies)
        free(self.paths)
        free(self.by_address)

    cdef UdpPath *path_at(self, sockaddr_in6 *address) noexcept nogil:
        """The path to this address and port; NULL when that was not asked."""
        cdef UdpPath key
        cdef UdpPath *wanted = &key
        cdef UdpPath **place
        key.address = address[0]
        place = <UdpPath **>bsearch(&wanted, self.by_address, self.path_count, sizeof(UdpPath *), by_key)
        return NULL if place is NULL else place[0]

    def pausing(self, double now) -> int:
        """How many resolvers are not asked for a while, because nothing came back. Any thread may ask."""
        cdef int index, pausing = 0
        for index in range(self.path_count):
            pausing += now < self.paths[index].pacing.paused_until
        return pausing

    def newly_by_stream(self) -> list:
        """Indexes of resolvers that went to TCP since the last call, because somebody forges their answers."""
        cdef int index
        moved = []
        for index in range(self.path_count if self.forged else 0):
            if self.paths[index].by_stream and not self.paths[index].is_reported:
                self.paths[index].is_reported = True
                moved.append(self.paths[index].resolver)
        return moved

    def newly_blind(self) -> list:
        """Indexes of resolvers whose answers are taken in any case of letters, since the last call: no stream could be
        opened to them."""
        cdef int index
        blind = []
        for index in range(self.path_count if self.case else 0):
            if self.paths[index].case_failures >= CASE_FAILURES_MAX and not self.paths[index].is_called_blind:
                self.paths[index].is_called_blind = True
                blind.append(self.paths[index].resolver)
        return blind

    def figures(self) -> list:
        """What each resolver has shown of itself, as it stands in `Figures`. Any thread may ask."""
        cdef UdpPath *path
        cdef int index
        found = []
        for index in range(self.path_count):
            path = &self.paths[index]
            found.append((path.resolver, path.pacing.size, path.pacing.rate, path.pacing.rtt, path.answered,
                          path.pacing.in_flight))
        return found
