# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Raw UDP: the slot pool (Linux). One `turn` is four steps: `wait` (which sockets have something), `drain`, `expire`,
`fill`. It reads no clock and never sleeps; the thread that has the engine calls it.

Hard to fool (RFC 5452): message IDs and the case of each letter (0x20) from the kernel's CSPRNG, many source ports, each
for a thousand queries or ten seconds, and only the address and port that was asked may answer. What does not fit is
counted and otherwise as if it had not come.
"""

cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport bsearch, calloc, free, qsort, realloc
from libc.string cimport memcmp, memcpy, memset

from scanner.model import POLICIES
from scanner.native.clock cimport monotonic
from scanner.native.exchange cimport find
from scanner.native.jobs.job cimport (
    CAUSE_CASE, CAUSE_COOKIE, CAUSE_FORGED, CAUSE_NONE, CAUSE_SIZE, Job, Query, StreamCause, ask_without_edns_after_silence,
)
from scanner.native.limits cimport return_tokens, take_tokens
from scanner.native.memory cimport checked_alloc
from scanner.native.message.letters cimport WORD, in_case, word_at
from scanner.native.message.query cimport write_query
from scanner.native.message.response cimport BADCOOKIE, FIT_BROKEN, FIT_STRAY, Fit, Response, read_response
from scanner.native.output.buffer cimport span_of
from scanner.native.pacing.model cimport Pacing, is_away, may_repeat
from scanner.native.pacing.window cimport (
    depart, fail, leave, let_go, pause_unreachable, prove_loss, respond, see_cure, see_too_late, undo_departure,
)
from scanner.native.path cimport DISTRUSTED, VOUCHED, PathState, is_asked_with_edns, is_open, learn
from scanner.native.random cimport draw
from scanner.native.round_trips cimport (
    SPARE_FIRST, again_after, has_token, late_after, learn_round_trip, may_ask_again, take_token, was_cured, was_needless,
)
from scanner.native.sockets cimport (
    EPOLLERR, HAVE_BATCHES, MSG_DONTWAIT, MSG_ERRQUEUE, epoll_event, epoll_wait, msghdr, recvmsg, sockaddr_in6,
)
from scanner.native.tally cimport (
    CASE_LOST, LOSSES, PAUSES, QUERIES, RESPONSES, STRAYS, TRUNCATED, UNREACHABLE, Counts, Tally, count_response,
)
from scanner.native.udp.batch cimport DATAGRAM, IN, MESSAGE_MAX, OUT, SENT_ALL, SENT_BUFFER_FULL, Sent
from scanner.native.udp.path cimport (
    CASE_FAILURES_MAX, Company, begin_path, blame_cookie, cookie_fits, has_room, key_size, resume_cookie, room_after,
)
from scanner.native.udp.ports cimport PORT_QUERIES, Port
from scanner.native.verdict cimport BADRESP, REFUSED, TIMEOUT

cdef enum:
    RANDOM = 0                  # of POLICIES
    ROUND_ROBIN = 1
    STICKY = 2
    SEQUENTIAL = 3
    BEST = 4
    EVENTS = 64
    ROUNDS = 16                 # receiving calls for one socket in a turn
    WORKER_NONE = -1
    STRANGE = 0                 # what a message is to a query: no answer to it,
    ANSWERED = 1                # the end of it,
    AWAITED = 2                 # or not enough, and it goes on
    STRAYS_QUERY = 100          # messages with a query's key that are no answer to it: it goes to TCP
    STRAYS_SECOND = 1000        # from one server: it goes to TCP
    LIMIT_FIRST = 1024          # queries in flight in all, at first
    LIMIT_LEAST = 64            # however often responses were dropped here
    PACED_FEW = 16              # paths that are all looked at in each turn
    PAUSES_LEAST = 4            # at least so many in a deadline, where no resolver answers
    BADCOOKIES = 2              # of one job: then it goes to TCP (RFC 7873 section 5.3)
    PASSED_OVER = 64            # names in line that another route's paths are to ask again
cdef const double LIMIT_NEAR = 0.75     # of the limit with which responses were dropped: from there on it grows slowly
cdef const double LIMIT_STEEP = 0.125   # more for each response until then,
cdef const double LIMIT_SLOW = 0.002    # and from then on, and one for as many as may be in flight
cdef const double LAST_RESORT_S = 0.02   # that a name waits for resolvers that answer before it goes to one that has not yet
cdef const double UNPROVEN_S = 0.1      # what a resolver that never answered is given, and eight round trips of the others
cdef const double COOKIE_WAIT_S = 0.05  # and two round trips, for an answer with the cookie after one without
cdef const double BACKOFF_S = 0.001     # after a full buffer
cdef const double LOOK_S = 0.01         # between two looks at a query that is late, where nothing says when to look again
cdef const double LOOK_FIRST_S = 0.1    # the same, of a path that has not answered yet
cdef const double DELIVERED = 1 / 64.0  # weight of one query in the share that is delivered
cdef const double CONSIDERED_S = 0.001  # how often time may bring a path room, where there are many paths,
cdef const double CONSIDERED_MANY_S = 0.02  # and how often they are all looked at, where those are known that it does
cdef const double DISTANT_S = 0.008     # the least round trip: a millisecond more matters little


cdef inline void mark(uint8_t *bits, int message_id) noexcept nogil:
    bits[message_id >> 3] |= 1 << (message_id & 7)


cdef inline bint unmark(uint8_t *bits, int message_id) noexcept nogil:
    """True when it was marked."""
    cdef bint was = bits[message_id >> 3] >> (message_id & 7) & 1
    bits[message_id >> 3] &= ~(1 << (message_id & 7))
    return was


cdef bint same_case(const uint8_t *question, const Job *job, const Query *query) noexcept nogil:
    """True when each letter came back in the case in which it was sent."""
    cdef int at = 0, left = job.qname_length
    while left > 0:
        if word_at(question + at, left) != in_case(word_at(job.qname + at, left), query.case_bits, at // WORD):
            return False
        at += WORD
        left -= WORD
    return True


cdef void put_in_case(uint8_t *qname, const Job *job, const Query *query) noexcept nogil:
    """The qname as it is sent, each letter in the case that the query's bits ask for (0x20), and up to a word more."""
    cdef int at = 0, left = job.qname_length
    cdef uint64_t word
    while left > 0:
        word = in_case(word_at(job.qname + at, left), query.case_bits, at // WORD)
        memcpy(qname + at, &word, WORD)
        at += WORD
        left -= WORD


cdef int by_key(const void *one, const void *other) noexcept nogil:
    """Order of paths by family, port and address."""
    cdef const UdpPath *first = (<const UdpPath **>one)[0]
    cdef const UdpPath *second = (<const UdpPath **>other)[0]
    cdef int sizes = key_size(&first.address) - key_size(&second.address)
    return sizes if sizes else memcmp(&first.address, &second.address, key_size(&first.address))


@cython.final
cdef class UdpEngine:
    """All that is in flight as datagrams. `open_port(v6)` gives a bound non-blocking socket; times in seconds."""

    def __cinit__(self, JobPool pool not None, addresses, *, open_port, int slots=10_000, double timeout_s=2.0,
                  str policy="random", bint gso=False, bint case=True, bint early=True, bint grows=False):
        if not HAVE_BATCHES:
            raise OSError("udp:// needs Linux; use tcp://")
        cdef bint is_single = len(addresses) == 1 and not grows
        self.pool, self.exchange, self.addresses, self.outgrown = pool, pool.exchange, [], []
        self.timeout_s, self.policy, self.case, self.early = timeout_s, POLICIES.index(policy), case, early
        self.slots, self.limit = slots, min(slots, <int>LIMIT_FIRST)
        self.strangers = Tally()
        self.spare = SPARE_FIRST
        memset(self.ring, -1, sizeof(self.ring))
        self.ports = Ports(self.exchange, open_port, addresses[0].where if is_single else None)
        self.received, self.batch = ReceiveBatch(), SendBatch(gso and is_single)
        self.add_paths(addresses)

    def add_paths(self, addresses, *, bint moves_when_cut=False) -> None:
        """More paths, in the engine's own thread. `moves_when_cut`: their servers limit responses, and mean it so."""
        cdef int index
        self.make_companies()
        self.make_room(self.path_count + <int>len(addresses))
        self.is_many = (self.path_count + <int>len(addresses) > PACED_FEW and self.pool.suffixes is None
                        and self.policy != SEQUENTIAL)
        for address in addresses:
            self.addresses.append(address)
            self.paths[self.path_count].moves_when_cut = moves_when_cut
            self.add_path(self.path_count)
            self.path_count += 1
            self.consider(&self.paths[self.path_count - 1], 0)
        for index in range(self.path_count):
            self.by_address[index] = &self.paths[index]
        qsort(self.by_address, self.path_count, sizeof(UdpPath *), by_key)

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
        cdef int index, room = max(paths, 1) if self.path_room == 0 else max(paths, 2 * self.path_room)
        cdef UdpPath *grown
        if paths <= self.path_room:
            return 0
        grown = <UdpPath *>checked_alloc(calloc(room, sizeof(UdpPath)))
        if self.paths is not NULL:
            memcpy(grown, self.paths, self.path_count * sizeof(UdpPath))
            self.outgrown.append(<size_t>self.paths)
        self.paths = grown
        self.by_address = <UdpPath **>checked_alloc(realloc(self.by_address, room * sizeof(UdpPath *)))
        for index in range(2):
            self.roomy[index].places = <int *>checked_alloc(realloc(self.roomy[index].places, room * sizeof(int)))
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
        free(self.roomy[0].places)
        free(self.roomy[1].places)
        free(self.companies)
        free(self.paths)
        free(self.by_address)

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to drain."""
        return self.ports.poll

    def close(self) -> None:
        """Close every descriptor; turns and ticks that come later do nothing. What is in flight is lost."""
        cdef int index
        cdef Counts *counts
        for index in range(0 if self.closed else self.path_count):
            counts = self.paths[index].counts
            counts.counts[<int>LOSSES] = counts.counts[<int>QUERIES] - counts.counts[<int>RESPONSES]
        self.closed = True
        self.ports.close()

    @property
    def in_flight(self) -> int:
        """Queries in flight. Any thread may ask."""
        return self.exchange.in_flight

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

    # -- a turn --------------------------------------------------------------------------------------------------

    def turn(self, double now, lost_s=None) -> int:
        """Take in what has come, end what has waited too long, send what there is room for; returns answers taken. `now`
        is the machine's monotonic clock less `lost_s` (None: whatever that is at this moment), and may be some time ago:
        other threads run between any two steps of Python's."""
        cdef int settled
        self.received.ahead = monotonic() - now if lost_s is None else lost_s
        with nogil:
            settled = self.step(now)
        return settled

    cdef int step(self, double now) except -1 nogil:
        cdef epoll_event events[EVENTS]
        cdef int ready, index, settled = 0
        if self.closed:
            return 0
        ready = epoll_wait(self.ports.poll, events, EVENTS, 0)
        for index in range(ready):
            if events[index].events & EPOLLERR:
                self.drain_errors(<Port *>events[index].data.ptr, now)
            settled += self.drain(<Port *>events[index].data.ptr, now)   # may close the port
        self.expire(now)
        if self.pool.suffixes is not None:
            self.pool.sort_input(now)
        if self.is_many:
            self.consider_due(now)
        if self.is_changed or self.path_count <= PACED_FEW \
                or now - self.considered_at >= (CONSIDERED_MANY_S if self.is_many else CONSIDERED_S):
            self.consider_all(now)
        self.fill(now)
        self.before, self.were_in_flight = now, self.in_flight
        return settled

    def tick(self, double now) -> None:
        """Now and then: rounds that end by time, pauses and buckets, ports that are old."""
        cdef UdpPath *path
        cdef int index, route
        if self.closed:
            return
        for index in range(self.pool.route_count):
            self.companies[index].sound = 0
        self.is_paced = False
        self.is_distant = self.is_many and self.in_flight > 0
        self.exchange.end_line(self.pool.scan_now(now))
        for index in range(self.path_count):
            path = &self.paths[index]
            resume_cookie(&path.cookie, now)
            if path.answered and path.pacing.silences == 0:
                for route in range(path.route_count):
                    self.companies[path.routes[route]].sound += 1
            self.is_paced = self.is_paced or (path.pacing.pace > 0 and self.exchange.in_flight > 0)
            if path.pacing.in_flight and path.pacing.rtt_least < DISTANT_S:
                self.is_distant = False
        for index in range(self.path_count):
            path = &self.paths[index]
            if self.is_needed(path):    # with nothing better to do than to wait for it
                path.pacing.paused_until = min(path.pacing.paused_until, now + self.pool.deadline_s / PAUSES_LEAST)
        self.ports.age(now)

    cdef UdpPath *path_at(self, sockaddr_in6 *address) noexcept nogil:
        """The path to this address and port; NULL when that was not asked."""
        cdef UdpPath key
        cdef UdpPath *wanted = &key
        cdef UdpPath **place
        key.address = address[0]
        place = <UdpPath **>bsearch(&wanted, self.by_address, self.path_count, sizeof(UdpPath *), by_key)
        return NULL if place is NULL else place[0]

    # -- drain ---------------------------------------------------------------------------------------------------

    cdef int drain(self, Port *port, double now) except -1 nogil:
        """Everything that waits at a socket."""
        cdef int got = IN, index, settled = 0, rounds = 0
        while got == IN and rounds < ROUNDS:
            rounds += 1
            got = self.received.receive(port.fd)
            for index in range(got):
                self.came = max(self.received.came(index), self.before)
                settled += self.message(port, self.received.octets + index * DATAGRAM,
                                        self.received.messages[index].msg_len, &self.received.sources[index], now)
            if got > 0:
                self.see_overrun(port, self.received.dropped(got - 1))
        self.ports.let_go(port)
        return settled

    cdef void see_overrun(self, Port *port, uint32_t dropped) noexcept nogil:
        """Responses came faster than this machine took them: less may be in flight, whatever the paths could carry."""
        if dropped > port.dropped:
            self.overruns += dropped - port.dropped
            port.dropped = dropped
            self.limit = min(self.limit, self.were_in_flight)
            self.steep_until = LIMIT_NEAR * self.limit
            self.limit = max(self.limit / 2, <double>LIMIT_LEAST)

    cdef bint message(self, Port *port, const uint8_t *message, Py_ssize_t length, sockaddr_in6 *source,
                      double now) except -1 nogil:
        """One datagram: True when it ended a query, False when it is not an answer to anything here."""
        cdef int message_id = message[0] << 8 | message[1] if length >= 12 else -1
        cdef Query *query = find(&port.channel, message_id) if message_id >= 0 else NULL
        cdef UdpPath *path
        cdef int understood
        if query is NULL:
            return self.stray(port, message_id, NULL, source, now)
        path = &self.paths[query.path]
        if memcmp(source, &path.address, key_size(&path.address)) != 0:
            return self.stray(port, message_id, query, source, now)
        understood = self.understand(query, path, message, length, now)
        if understood == STRANGE:
            return self.stray(port, message_id, query, source, now)
        self.consider(path, now)
        return understood == ANSWERED

    cdef int understand(self, Query *query, UdpPath *path, const uint8_t *message, Py_ssize_t length,
                        double now) except -1 nogil:
        """What a message from the right place means for the query, which is over when that is ANSWERED."""
        cdef Job *job = query.job
        cdef double rtt
        cdef Response response
        cdef Fit fit
        cdef StreamCause cause
        cdef bint revealed, refused
        cdef int route
        self.came = max(self.came, query.sent)  # the wall clock may have been set
        rtt = self.came - query.sent
        if job is NULL:                         # finished by its other query: this one's ID is free again
            self.account(query, path, now)
            count_response(path.counts, rtt)
            if not query.departure.is_early:    # so it was not lost, as it had seemed
                was_needless(&path.trips)
            self.hear(query, path, now)
            self.exchange.end(query)
            return ANSWERED
        fit = read_response(message, length, job.qname, job.qname_length, job.qtype, self.pool.asking.form.qclass,
                            &response)
        if fit == FIT_STRAY:
            return STRANGE
        if query.edns and fit != FIT_BROKEN and not cookie_fits(&path.cookie, message, length, response.opt):
            return self.await_cookie(query, path, now)
        if path.answered == 0:
            for route in range(path.route_count):
                self.companies[path.routes[route]].proven += 1
        path.answered += 1
        path.heard_at = now
        count_response(path.counts, rtt)
        if job.in_flight > 1:
            self.learn_from_many(query, path)
        self.hear(query, path, now)
        self.rtt += (rtt - self.rtt) / (64 if self.rtt else 1)
        self.exchange.heard(now)
        if self.pool.suffixes is not None:
            self.pool.routes[job.route].heard = True
        self.account(query, path, now)
        if path.habits.trust == DISTRUSTED:
            self.exchange.end(query)
            self.pool.retry_or_fail(job, TIMEOUT, False, now)
            return ANSWERED
        cause = self.doubt(query, path, message, &response, fit, now)
        if cause != CAUSE_NONE:
            self.to_stream(query, cause)
        elif fit == FIT_BROKEN:
            job.rcode = message[3] & 0x0F
            self.exchange.end(query)
            self.pool.retry_or_fail(job, BADRESP, True, now)
        elif response.rcode == BADCOOKIE and query.edns:    # once more with the cookie that came with it
            self.exchange.end(query)
            self.pool.retry_or_fail(job, REFUSED, False, now)
        else:
            revealed = not query.edns and job.edns_silence
            refused = self.pool.respond(query, &response, message, length, path.tags, path.resolver, now)
            learn(path.habits, &response, refused or revealed)
        return ANSWERED

    cdef void hear(self, Query *query, UdpPath *path, double now) noexcept nogil:
        """A response came, whatever it is worth."""
        self.let_leave(query, path, now)
        respond(&path.pacing, &query.departure, query.sent, self.came, now)
        learn_round_trip(&path.trips, self.came - query.sent)
        path.delivered += (1 - path.delivered) * DELIVERED
        if self.overruns == 0:
            self.limit += 1
        else:
            self.limit += LIMIT_STEEP if self.limit < self.steep_until else LIMIT_SLOW + 1 / self.limit
        self.limit = min(self.limit, <double>self.slots)

    cdef void learn_from_many(self, Query *query, UdpPath *path) noexcept nogil:
        """One of several queries of a job was answered: was it right to ask again?"""
        cdef Query *older = query.older
        cdef int left = <int>query.job.in_flight - 1
        if query.job.newest != query:
            was_needless(&path.trips)
            see_cure(&path.pacing, False)
            return
        was_cured(&self.paths[older.path].trips)
        see_cure(&self.paths[older.path].pacing, True)
        while left > 0:
            prove_loss(&self.paths[older.path].pacing, &older.departure, older.sent)
            older = older.older
            left -= 1

    cdef StreamCause doubt(self, Query *query, UdpPath *path, const uint8_t *message, const Response *response, Fit fit,
                           double now) noexcept nogil:
        """Why a response that came for the query is not enough, and TCP is to be asked."""
        cdef Job *job = query.job
        if self.case and message[5] and path.case_failures < CASE_FAILURES_MAX and not same_case(message + 12, job, query):
            path.counts.counts[<int>CASE_LOST] += 1
            return CAUSE_CASE
        if response.truncated:
            path.counts.counts[<int>TRUNCATED] += 1
            if path.moves_when_cut and not path.by_stream:
                path.by_stream = True
                self.forged += 1
            job.cut = True
            job.rcode = message[3] & 0x0F if fit == FIT_BROKEN else response.rcode
            return CAUSE_SIZE
        if fit != FIT_BROKEN and response.rcode == BADCOOKIE and query.edns:    # else no cookie was sent to be bad
            job.badcookies += 1
            if job.badcookies >= BADCOOKIES or path.cookie.size == 0:
                blame_cookie(&path.cookie, now)
                return CAUSE_COOKIE
        return CAUSE_NONE

    cdef int await_cookie(self, Query *query, UdpPath *path, double now) noexcept nogil:
        """An answer without the cookie that its server gives is discarded (RFC 7873 section 5.3). One with it may yet
        come, where the first was forged; else the server has none any more, and TCP is asked (`expire`)."""
        path.counts.counts[<int>STRAYS] += 1
        query.strays += query.strays < 255
        if query.strays > STRAYS_QUERY:
            return STRANGE
        if not query.awaits_cookie:             # it came: the window is not too large
            self.hear(query, path, now)
        query.awaits_cookie = True
        query.ends = min(query.ends, self.pool.scan_now(now) + COOKIE_WAIT_S + 2 * self.rtt)
        self.exchange.hasten(query, query.ends)
        return AWAITED

    cdef int to_stream(self, Query *query, StreamCause cause) except -1 nogil:
        """The query is over, and its job goes to a stream whatever its other query may bring."""
        cdef Job *job = query.job
        self.exchange.settle(query)
        return self.pool.by_stream(job, cause)

    cdef void without_stream(self, Job *job) noexcept nogil:
        """No stream could be opened for this job: what its resolver gets wrong has to do."""
        cdef int index
        job.stream_failed = False
        if job.stream_cause == CAUSE_COOKIE:
            job.without_edns = True             # and so without cookies
        for index in range(self.path_count if job.stream_cause == CAUSE_CASE else 0):
            if self.paths[index].resolver == job.resolver:
                self.paths[index].case_failures += 1

    cdef int stray(self, Port *port, int message_id, Query *query, sockaddr_in6 *source, double now) except -1 nogil:
        """A datagram that answers nothing. Many of them for one query, or from one server, mean a forger: to TCP. One
        that comes late, or twice, is not forged; its server is alive."""
        cdef UdpPath *path
        if query is not NULL:
            query.strays += query.strays < 255
            if query.strays > STRAYS_QUERY and query.job is not NULL:
                path = &self.paths[query.path]
                path.counts.counts[<int>LOSSES] += 1
                self.account(query, path, now)
                self.to_stream(query, CAUSE_FORGED)
                query = NULL
        path = self.path_at(source)
        if path is NULL:
            self.strangers.add_one(STRAYS)
            return 0
        path.counts.counts[<int>STRAYS] += 1
        if path.by_stream:
            return 0
        path.late = True
        if query is NULL and message_id >= 0 and unmark(port.over, message_id):
            path.pacing.paused_until = 0
            if unmark(port.given_up, message_id):
                see_too_late(&path.pacing, now)
            return 0
        return self.count_stray(path, now)

    cdef int count_stray(self, UdpPath *path, double now) noexcept nogil:
        """One more from this server in this second."""
        if now - path.stray_second > 1:
            path.stray_second, path.stray_count = now, 0
        path.stray_count += 1
        if path.stray_count > STRAYS_SECOND:
            path.by_stream = True
            self.forged += 1
        return 0

    cdef void drain_errors(self, Port *port, double now) noexcept nogil:
        """ICMP errors (IP_RECVERR): hints, which anybody can send. One slows a path down that has been silent."""
        cdef msghdr header
        cdef sockaddr_in6 address
        cdef uint8_t control[512]
        cdef UdpPath *path
        while True:
            memset(&header, 0, sizeof(header))
            memset(&address, 0, sizeof(address))
            header.msg_name, header.msg_namelen = &address, sizeof(address)
            header.msg_control, header.msg_controllen = control, sizeof(control)
            if recvmsg(port.fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0:
                return
            path = self.path_at(&address)
            if path is NULL:
                self.strangers.add_one(UNREACHABLE)
                continue
            path.counts.counts[<int>UNREACHABLE] += 1
            if now - path.heard_at > 0.1 and now >= path.pacing.paused_until:
                pause_unreachable(&path.pacing, now)
                path.counts.counts[<int>PAUSES] += 1
                self.exchange.troubles += 1

    # -- expire --------------------------------------------------------------------------------------------------

    cdef int expire(self, double now) except -1 nogil:
        """Queries that are late, and those whose attempts are over, on the scan's clock."""
        cdef double clock = self.pool.scan_now(now)
        cdef Query *query = self.exchange.next_expired(clock)
        cdef UdpPath *path
        while query is not NULL:
            path = &self.paths[query.path]
            if clock < query.ends:
                self.look_at(query, path, clock, now)
            else:
                self.end_attempt(query, path, now)
            self.consider(path, now)
            query = self.exchange.next_expired(clock)
        return 0

    cdef int end_attempt(self, Query *query, UdpPath *path, double now) except -1 nogil:
        """No response came in time."""
        cdef Job *job = query.job
        path.counts.counts[<int>LOSSES] += 1
        self.account(query, path, now)
        if not query.departure.is_early:        # it had the time of a whole attempt
            mark((<Port *>query.channel.carrier).given_up, <uint16_t>query.key)
        if job is not NULL and fail(&path.pacing, &query.departure, query.sent, now):
            path.counts.counts[<int>PAUSES] += 1
        if job is not NULL and query.awaits_cookie:
            blame_cookie(&path.cookie, now)
            return self.to_stream(query, CAUSE_COOKIE)
        self.exchange.end(query)
        return self.pool.retry_or_fail(job, TIMEOUT, not self.unproven(path, job.route), now) if job is not NULL else 0

    cdef void look_at(self, Query *query, UdpPath *path, double clock, double now) noexcept nogil:
        """A query that may be late: it gives up its place, and then its name is to be asked again. Later it is looked at
        once more, and at the end of its attempt in any case."""
        cdef double late = late_after(&path.trips), again, age = now - query.sent, rest = LOOK_S
        cdef Job *job = query.job
        cdef bint evident = path.pacing.latest > query.sent or not self.waits_for_more(path)
        if late == 0 or age < late:
            rest = late - age if late else LOOK_FIRST_S
        elif self.let_it_go(query, path, evident, late, now):
            if job is NULL or job.newest != query or not self.early or self.pool.leaving:
                rest = 1e9                      # it only waits for its end
            else:
                again = again_after(&path.trips, <int>job.in_flight - 1, path.pacing.cured)
                if age >= again and evident and may_ask_again(&path.trips, <int>job.in_flight - 1, path.pacing.cured):
                    self.exchange.line_up(query)
                    return
                rest = max(again - age, LOOK_S)
        self.exchange.look_again(query, min(clock + rest, query.ends))

    cdef bint let_it_go(self, Query *query, UdpPath *path, bint evident, double patience, double now) noexcept nogil:
        """True when the late query holds no place any more."""
        if not query.departure.holds:
            return True
        if not let_go(&path.pacing, &query.departure, evident, patience, now):
            return False
        self.in_flight -= 1
        path.delivered -= path.delivered * DELIVERED
        if query.departure.is_early and query.job is not NULL:
            see_cure(&path.pacing, False)
        return True

    cdef void let_leave(self, Query *query, UdpPath *path, double now) noexcept nogil:
        """The query holds no place in its path's window any more."""
        self.in_flight -= query.departure.holds
        leave(&path.pacing, &query.departure, now)

    cdef void account(self, Query *query, UdpPath *path, double now) noexcept nogil:
        """The query is no longer its port's nor its path's; one more response to it is not a forgery."""
        cdef Port *port = <Port *>query.channel.carrier
        cdef uint16_t message_id = <uint16_t>query.key
        self.let_leave(query, path, now)
        mark(port.over, message_id)

    # -- fill ----------------------------------------------------------------------------------------------------

    cdef void consider(self, UdpPath *path, double now) noexcept nogil:
        """Enter the path among those with room, when it has some worth a batch; one by one, where it is paced."""
        cdef Roomy *roomy = &self.roomy[path.v6]
        cdef double worth = min(path.pacing.size / 4, OUT) if path.pacing.pace == 0 else 0
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

    cdef int ask_streams(self, double now) except -1 nogil:
        """Jobs for the resolvers that are asked over TCP only."""
        cdef Job *job
        cdef UdpPath *path
        cdef int index
        for index in range(self.path_count):
            path = &self.paths[index]
            while path.by_stream and self.stream_room > 0:
                job = self.next_job(path, now)
                if job is NULL:
                    break
                job.resolver = path.resolver
                if self.pool.suffixes is not None:
                    self.pool.routes[job.route].heard = True    # there is room again: the streams are answered
                self.stream_room -= 1
                self.pool.by_stream(job, CAUSE_FORGED)
        return 0

    cdef int fill(self, double now) except -1 nogil:
        """Send while there are jobs, slots and paths with room."""
        cdef int family, count, most
        cdef Port *port
        if self.forged and not self.pool.blocked():
            self.ask_streams(now)
        if now < self.wait_until or self.pool.blocked():
            return 0
        for family in range(2):
            while self.roomy[family].count and self.in_flight < self.limit and self.exchange.in_flight < self.slots:
                port = self.ports.choose(family, now)
                if port is NULL:
                    break
                most = min(min(OUT, <int>self.limit - self.in_flight), PORT_QUERIES - port.sent)
                self.leaves_at = self.received.now()
                count = self.gather(port, most, now)
                if count == 0:
                    break
                if not self.ship(port, count, now):
                    return 0
        return 0

    cdef int gather(self, Port *port, int most, double now) except -1 nogil:
        """Up to `most` queries for one port, written and in flight; returns how many. Names that are asked again go
        first."""
        cdef int count = 0
        cdef Job *job
        cdef Query *late
        cdef UdpPath *path
        if self.pool.budget is not None:
            most = self.pool.budget.take(most)
        while count < most:
            path = self.pick(port.v6, now)
            if path is NULL or take_tokens(path.bucket, now, 1) == 0:
                break
            late = self.next_repeat(path, now)
            job = late.job if late is not NULL else self.next_job(path, now)
            if job is NULL:
                return_tokens(path.bucket, 1)
                if self.pool.suffixes is None and self.policy != SEQUENTIAL and not self.doubtful(path, 0):
                    break
                self.shut(path)                 # another may take what it may not, or has names of its own
                continue
            self.ask(port, job, path, count, late is not NULL, now)
            count += 1
        if self.pool.budget is not None:
            self.pool.budget.settle(most, count)
        port.sent += count
        return count

    cdef Query *next_repeat(self, UdpPath *path, double now) noexcept nogil:
        """The first of the line, whose job is to be asked again by this path; NULL when nothing is, or what is new has to
        come first."""
        cdef double clock = self.pool.scan_now(now)
        cdef Query *query = self.first_in_line(path, clock)
        if query is NULL or self.doubtful(path, query.job.route) \
                or (self.policy == SEQUENTIAL and &self.paths[query.path] != path) \
                or (self.waits_for_more(path) and not may_repeat(&path.pacing)):
            return NULL
        if &self.paths[query.path] == path and self.policy != STICKY and self.policy != SEQUENTIAL and self.roomy[path.v6].count > 1 \
                and (self.pool.suffixes is None or self.pool.routes[query.job.route].resolvers > 1):
            return NULL                     # it goes elsewhere: the next pick may be another
        take_token(&self.paths[query.path].trips)
        self.exchange.look_again(query, query.ends)
        return query

    cdef Query *first_in_line(self, UdpPath *path, double clock) noexcept nogil:
        """The first of the line that may be asked again now and is of this path's route; NULL where a few are passed over
        in vain."""
        cdef Query *query = self.exchange.line_first
        cdef Query *after
        cdef int passed = 0
        while query is not NULL and passed < PASSED_OVER:
            after = query.next
            if query.job is NULL or not has_token(&self.paths[query.path].trips):
                self.exchange.look_again(query, query.ends if query.job is NULL else min(query.ends, clock + LOOK_S))
            elif self.serves(path, query.job):
                return query
            else:
                passed += 1
            query = after
        return NULL

    cdef int ask(self, Port *port, Job *job, UdpPath *path, int at, bint is_early, double now) except -1 nogil:
        """The job has a query in flight, one more where `is_early`, written at place `at` of the batch."""
        cdef double patience = self.timeout_s, late = late_after(&path.trips), clock = self.pool.scan_now(now), ends
        cdef uint16_t message_id = self.exchange.free_id(&port.channel)
        cdef Query *query
        if self.unproven(path, job.route):
            patience = min(patience, UNPROVEN_S + 8 * self.rtt)
        if job.stream_failed:
            self.without_stream(job)
        if self.pool.notes_tried and not (is_early and job.resolver == path.resolver):
            self.pool.note_asked(job, path.resolver)
        job.worker, job.egress, job.resolver = WORKER_NONE, 0, path.resolver
        if not is_asked_with_edns(path.habits):
            job.without_edns = True
        elif job.attempt > job.earlier and now - path.heard_at > self.timeout_s:      # silent perhaps to EDNS
            ask_without_edns_after_silence(job)
        ends = min(clock + patience, job.deadline)
        if is_early:
            ends = min(ends, job.newest.ends)   # no attempt takes longer for it
        query = self.exchange.begin(job, &port.channel, message_id, self.leaves_at, min(ends, clock + (late if late else LOOK_FIRST_S)))
        query.path, query.edns, query.ends = <int>(path - self.paths), not job.without_edns, ends
        depart(&path.pacing, &query.departure, job.attempt == job.earlier and not is_early, is_early, now)
        self.in_flight += 1
        self.batch.sizes[at] = <uint16_t>self.write(self.batch.octets + at * MESSAGE_MAX, query, path)
        self.batch.queries[at] = query
        path.counts.counts[<int>QUERIES] += 1
        return 0

    cdef int write(self, uint8_t *octets, Query *query, UdpPath *path) except -1 nogil:
        """The query's octets, each letter in a random case; returns their count."""
        cdef Job *job = query.job
        cdef uint8_t qname[256]
        cdef const uint8_t *name = job.qname
        if self.case:
            memcpy(&query.case_bits, draw(&self.exchange.random, 8), 8)
            put_in_case(qname, job, query)
            name = qname
        return <int>write_query(octets, <uint16_t>query.key, name, job.qname_length, job.qtype,
                                self.pool.routes[job.route].form, query.edns, path.cookie.option, path.cookie.size)

    cdef bint ship(self, Port *port, int count, double now) except -1 nogil:
        """Hand the batch to the kernel. What this machine refuses to send to a path goes back, and that path waits;
        False when nothing more can be sent at all now."""
        cdef UdpPath *path
        cdef Sent sent
        cdef int refused
        self.batch.arrange(NULL if self.ports.is_connected() else self.paths, count)
        while True:
            sent = self.batch.send(port.fd)
            if sent == SENT_ALL:
                self.see_departures(count)
                return True
            if sent == SENT_BUFFER_FULL:
                self.wait_until = now + BACKOFF_S
                self.unsend(port, self.batch.first_of[self.batch.done], count, now)
                return False
            refused = self.batch.done
            path = &self.paths[self.batch.queries[self.batch.first_of[refused]].path]
            self.exchange.troubles += 1
            path.counts.counts[<int>PAUSES] += now >= path.pacing.paused_until
            pause_unreachable(&path.pacing, now)
            path.pacing.unreachable += 1
            self.unsend(port, self.batch.first_of[refused], self.batch.first_of[refused + 1], now)
            self.batch.done += 1
            self.batch.refused_once = False

    cdef void see_departures(self, int count) noexcept nogil:
        """The batch has left. Where this machine did something else before it did, its round trips will seem longer than
        they are."""
        cdef double late = self.received.now() - self.leaves_at
        cdef Pacing *pacing
        cdef int index
        for index in range(count):
            pacing = &self.paths[self.batch.queries[index].path].pacing
            if is_away(pacing, late):
                pacing.away_at = self.leaves_at

    cdef int unsend(self, Port *port, int first, int behind, double now) except -1 nogil:
        """Queries of the batch that never left: their jobs are the next to be asked, and nothing is spent."""
        cdef int at
        cdef Query *query
        cdef UdpPath *path
        cdef Job *job
        for at in range(first, behind):
            query = self.batch.queries[at]
            path, job = &self.paths[query.path], query.job
            return_tokens(path.bucket, 1)
            undo_departure(&path.pacing, &query.departure)
            self.in_flight -= 1
            path.counts.counts[<int>QUERIES] -= 1
            port.sent -= 1
            self.exchange.end(query)
            if job.in_flight:                   # it was asked again, and still waits for the first response
                self.exchange.line_up(job.newest)
            else:
                self.pool.put_back(job, now)
            self.consider(path, now)
        if self.pool.budget is not None:
            self.pool.budget.settle(0, first - behind)
        return 0
