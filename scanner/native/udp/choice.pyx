# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Which path is asked next, and for whose name: those with room are in a list, by address family, and the policy picks one
of it. Of many paths those alone are looked at that something has happened to, and those that time has brought room."""

from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

from scanner.native.jobs.job cimport Job
from scanner.native.memory cimport checked_alloc
from scanner.native.path cimport VOUCHED, is_open
from scanner.native.random cimport draw
from scanner.native.udp.batch cimport OUT
from scanner.native.udp.path cimport has_room, room_after

cdef enum:
    PACED_FEW = 16              # paths that are all looked at in each turn
cdef const double LAST_RESORT_S = 0.02   # that a name waits for resolvers that answer before it goes to one that has not yet
cdef const double CONSIDERED_S = 0.001  # how often time may bring a path room, where there are many paths,
cdef const double CONSIDERED_MANY_S = 0.02  # and how often they are all looked at, where those are known that it does


cdef class PathChoice(PathTable):
    """The part of an engine that chooses; it sends nothing."""

    def __dealloc__(self):
        free(self.roomy[0].places)
        free(self.roomy[1].places)

    cdef int begin_choice(self, int policy) except -1:
        """Before there are any paths."""
        self.policy = policy
        memset(self.ring, -1, sizeof(self.ring))
        return 0

    cdef int choose_among_more(self, int first) except -1:
        """The paths from this one on are new."""
        cdef int family, index
        self.is_many = self.path_count > PACED_FEW and self.pool.suffixes is None and self.policy != SEQUENTIAL
        for family in range(2):
            self.roomy[family].places = <int *>checked_alloc(realloc(self.roomy[family].places,
                                                                     max(self.path_room, 1) * sizeof(int)))
        for index in range(first, self.path_count):
            self.consider(&self.paths[index], 0)
        return 0

    cdef void look_for_room(self, double now) noexcept nogil:
        """What time has changed since the last turn."""
        if self.is_many:
            self.consider_due(now)
        if self.is_changed or self.path_count <= PACED_FEW \
                or now - self.considered_at >= (CONSIDERED_MANY_S if self.is_many else CONSIDERED_S):
            self.consider_all(now)

    cdef void count_sound(self) noexcept nogil:
        """By route, how many paths answer now."""
        cdef UdpPath *path
        cdef int index, route
        for index in range(self.pool.route_count):
            self.companies[index].sound = 0
        for index in range(self.path_count):
            path = &self.paths[index]
            if path.answered and path.pacing.silences == 0:
                for route in range(path.route_count):
                    self.companies[path.routes[route]].sound += 1

    cdef void consider(self, UdpPath *path, double now) noexcept nogil:
        """Enter the path among those with room, when it has some worth a batch; one by one, where it is paced."""
        cdef Roomy *roomy = &self.roomy[path.v6]
        cdef double worth = min(max(path.pacing.size / 4, path.pacing.size / 2 - 16), <double>OUT) if path.pacing.pace == 0 else 0
        if path.place >= 0 or path.pacing.in_flight > path.pacing.size - worth:
            return
        if not has_room(path, now):
            self.enter_ring(path, now)
        elif (self.pool.suffixes is None or self.exchange.line_first is not NULL or self.waits_for_more(path)) \
                and (self.policy != SEQUENTIAL or self.is_wanted(path)):
            path.place = roomy.count
            roomy.places[roomy.count] = <int>(path - self.paths)
            roomy.count += 1

    cdef void consider_all(self, double now) noexcept nogil:
        cdef int index
        self.is_changed = False             # before they are looked at: it may be set meanwhile
        self.considered_at = now
        if self.policy == SEQUENTIAL:
            self.find_leaders(now)
        for index in range(self.path_count):
            self.consider(&self.paths[index], now)

    cdef void enter_ring(self, UdpPath *path, double now) noexcept nogil:
        """Have it considered when time has brought it room, or at the end of the ring."""
        cdef double after = room_after(path, now)
        cdef int64_t at
        cdef int slot
        if path.is_due or after < 0 or not self.is_many:
            return
        at = max(<int64_t>((now + min(after, 1.0)) * 1000) + 1, self.ring_at + 1)
        slot = <int>(min(at, self.ring_at + RING - 1) % RING)
        path.is_due, path.next_due = True, self.ring[slot]
        self.ring[slot] = <int>(path - self.paths)

    cdef void consider_due(self, double now) noexcept nogil:
        """Those that time has brought room since the last turn: of a thousand paths a few."""
        cdef int64_t at = <int64_t>(now * 1000)
        cdef int64_t first = max(self.ring_at + 1, at - RING + 1)
        cdef int index, following
        self.ring_at = max(self.ring_at, at)
        while first <= at:
            index, self.ring[first % RING] = self.ring[first % RING], -1
            while index >= 0:
                following = self.paths[index].next_due
                self.paths[index].is_due = False
                self.consider(&self.paths[index], now)  # which may enter it again, later
                index = following
            first += 1

    cdef void shut(self, UdpPath *path) noexcept nogil:
        """Out of the list; the last one takes its place."""
        cdef Roomy *roomy = &self.roomy[path.v6]
        roomy.count -= 1
        roomy.places[path.place] = roomy.places[roomy.count]
        self.paths[roomy.places[path.place]].place = path.place
        path.place = -1

    cdef UdpPath *pick(self, int family, double now) except? NULL nogil:
        """A path with room by the policy; NULL when there is none."""
        cdef Roomy *roomy = &self.roomy[family]
        cdef uint32_t drawn
        cdef UdpPath *path
        while roomy.count:
            if roomy.count > 1 and (self.policy == RANDOM or self.policy == BEST):
                memcpy(&drawn, draw(&self.exchange.random, sizeof(drawn)), sizeof(drawn))
                self.turn_of = drawn if self.policy == RANDOM else self.better_of_two(roomy, drawn)
            elif self.policy == ROUND_ROBIN:
                self.turn_of += 1               # unsigned: it wraps
            elif self.policy == SEQUENTIAL:
                self.turn_of = self.first_of(roomy)
            path = &self.paths[roomy.places[self.turn_of % <unsigned int>roomy.count]]
            if has_room(path, now):
                return path
            self.shut(path)
            self.enter_ring(path, now)
        return NULL

    cdef unsigned int better_of_two(self, const Roomy *roomy, uint32_t drawn) noexcept nogil:
        """Of two drawn places the one whose queue is shorter, in time: so each path gets its share of what all deliver, and
        no state of all has to be kept (the power of two choices)."""
        cdef unsigned int one = (drawn & 0xFFFF) % <unsigned int>roomy.count
        cdef unsigned int other = (drawn >> 16) % <unsigned int>roomy.count
        return one if self.queue_s(&self.paths[roomy.places[one]]) <= self.queue_s(&self.paths[roomy.places[other]]) else other

    cdef double queue_s(self, const UdpPath *path) noexcept nogil:
        """In how many seconds it will have answered what it has and one more: by its window and round trip, or its pace, and
        what it loses. One that never answered is taken for an average one."""
        cdef double rtt = path.pacing.rtt if path.answered else self.rtt
        cdef double each = rtt / max(path.pacing.size, 1.0)
        if path.pacing.pace > 0:
            each = max(each, 1 / path.pacing.pace)
        return (path.pacing.in_flight + 1) * each / max(path.delivered, 0.01)

    cdef unsigned int first_of(self, const Roomy *roomy) noexcept nogil:
        """The place of the one that is first in the list."""
        cdef int index, first = 0
        for index in range(1, roomy.count):
            if roomy.places[index] < roomy.places[first]:
                first = index
        return <unsigned int>first

    cdef void find_leaders(self, double now) noexcept nogil:
        """Of each route the first path that answers, in the list's order."""
        cdef int route, index, at
        cdef UdpPath *path
        for route in range(self.pool.route_count):
            self.companies[route].leader = -1
        for index in range(self.path_count):
            path = &self.paths[index]
            if path.by_stream or not is_open(path.habits) or now < path.pacing.paused_until or path.pacing.silences:
                continue
            for at in range(path.route_count):
                route = path.routes[at]
                if not self.doubtful(path, route) and not 0 <= self.companies[route].leader < path.ranks[at]:
                    self.companies[route].leader = path.ranks[at]

    cdef bint follows(self, UdpPath *path, int at) noexcept nogil:
        """In this one of its routes, one before it in the list answers: it gets only names that have failed there. Those
        before that one, which do not answer now, are still felt for."""
        return self.policy == SEQUENTIAL and 0 <= self.companies[path.routes[at]].leader < path.ranks[at]

    cdef Job *second_choice(self, UdpPath *path, int route, double now) except? NULL nogil:
        """For one that follows another: a name that has failed there."""
        cdef Route *jobs = self.pool.routes[route]
        if (self.doubtful(path, route) and not self.is_last_resort(jobs, now)) or self.pool.is_behind() \
                or jobs.waiting.count == 0:
            return NULL
        return self.pool.waiting_job(jobs, &jobs.waiting, WORKER_NONE, 0, path.resolver, now)

    cdef bint is_last_resort(self, const Route *jobs, double now) noexcept nogil:
        """A name waits though others have room: it was asked of those already, and is to be asked of each."""
        return self.pool.notes_tried and jobs.waiting.count > 0 and now - jobs.waiting.first.queued_at > LAST_RESORT_S

    cdef bint is_wanted(self, UdpPath *path) noexcept nogil:
        """It has a route in which it follows none, or one with names that have failed."""
        cdef int at
        for at in range(path.route_count):
            if not self.follows(path, at) or self.pool.routes[path.routes[at]].waiting.count:
                return True
        return False

    cdef bint unproven(self, UdpPath *path, int route) noexcept nogil:
        """It has never answered while others of the route have: its jobs wait only briefly, and then go elsewhere for
        nothing."""
        return path.answered == 0 and self.companies[route].proven > 0 and not path.late and path.habits.trust != VOUCHED

    cdef bint doubtful(self, UdpPath *path, int route) noexcept nogil:
        """It is not asked for a name of the route that has failed before."""
        return self.companies[route].sound > 0 and (
            (path.answered == 0 and path.habits.trust != VOUCHED) or path.pacing.silences > 0)

    cdef bint is_needed(self, UdpPath *path) noexcept nogil:
        """It has a route of which no path answers now."""
        cdef int index
        for index in range(path.route_count):
            if self.companies[path.routes[index]].sound == 0:
                return True
        return False

    cdef bint waits_for_more(self, UdpPath *path) noexcept nogil:
        """There is more to ask by this path, as far as is known without looking."""
        cdef int index
        for index in range(path.route_count):
            if self.pool.waits_for_more(self.pool.routes[path.routes[index]]):
                return True
        return False

    cdef bint serves(self, UdpPath *path, const Job *job) noexcept nogil:
        cdef int index
        for index in range(path.route_count):
            if path.routes[index] == job.route:
                return True
        return False

    cdef Job *next_job(self, UdpPath *path, double now) except? NULL nogil:
        """Of its routes in turn."""
        cdef Job *job = NULL
        cdef int tries = path.route_count, route
        while job is NULL and tries:
            route = path.routes[path.turn_of]
            if self.follows(path, path.turn_of):
                job = self.second_choice(path, route, now)
            elif self.doubtful(path, route) and not self.is_last_resort(self.pool.routes[route], now):
                job = self.pool.newcomer(self.pool.routes[route], now)
            else:
                job = self.pool.take(self.pool.routes[route], WORKER_NONE, 0, path.resolver, now, False)
            path.turn_of = path.turn_of + 1 if path.turn_of + 1 < path.route_count else 0
            tries -= 1
        return job
