# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Raw UDP: the slot pool (Linux). One `turn` is four steps: `wait` (which sockets have something), `drain`, `expire`,
`fill`. It never sleeps longer than a millisecond; the thread that has the engine calls it and gives it the time.

Hard to fool (RFC 5452): message IDs and the case of each letter (0x20) from the kernel's CSPRNG, many source ports, each
for a thousand queries or ten seconds, and only the address and port that was asked may answer. What does not fit is
counted and otherwise as if it had not come.
"""

cimport cython
from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport memcpy
from posix.time cimport nanosleep, timespec

from scanner.model import POLICIES
from scanner.native.clock cimport monotonic
from scanner.native.jobs.job cimport CAUSE_CASE, CAUSE_COOKIE, CAUSE_FORGED, Job, Query, ask_without_edns_after_silence
from scanner.native.jobs.pool cimport JobPool
from scanner.native.limits cimport return_tokens, take_tokens
from scanner.native.message.letters cimport WORD, in_case, word_at
from scanner.native.message.query cimport write_query
from scanner.native.pacing.model cimport Pacing, is_away, may_repeat
from scanner.native.pacing.window cimport depart, fail, let_go, pause_unreachable, see_cure, undo_departure
from scanner.native.path cimport is_asked_with_edns
from scanner.native.random cimport draw
from scanner.native.round_trips cimport SPARE_FIRST, again_after, has_token, late_after, may_ask_again, take_token
from scanner.native.sockets cimport EPOLLERR, HAVE_BATCHES, epoll_wait
from scanner.native.tally cimport LOSSES, PAUSES, QUERIES, RESPONSES, Counts, Tally
from scanner.native.udp.batch cimport MESSAGE_MAX, OUT, SENT_ALL, SENT_BUFFER_FULL, ReceiveBatch, Sent
from scanner.native.udp.choice cimport SEQUENTIAL, STICKY, WORKER_NONE
from scanner.native.udp.path cimport blame_cookie, resume_cookie, see_delivery
from scanner.native.udp.ports cimport PORT_QUERIES, Port, Ports, mark
from scanner.native.verdict cimport TIMEOUT

cdef enum:
    EVENTS = 64
    STREAM = 4                  # responses of a step: more are about to come
    LIMIT_FIRST = 1024          # queries in flight in all, at first
    PAUSES_LEAST = 4            # at least so many in a deadline, where no resolver answers
    PASSED_OVER = 64            # names in line that another route's paths are to ask again
cdef const double UNPROVEN_S = 0.1      # what a resolver that never answered is given, and eight round trips of the others
cdef const double BACKOFF_S = 0.001     # after a full buffer
cdef const double LOOK_S = 0.01         # between two looks at a query that is late, where nothing says when to look again
cdef const double LOOK_FIRST_S = 0.1    # the same, of a path that has not answered yet
cdef const double STALL_S = 0.05        # this machine was away: Python's clock is to see that first
cdef const double GATHER_S = 0.00002    # from one step to the next where much comes: what comes at once costs less, the server too
cdef const double DISTANT_S = 0.008     # the least round trip: a millisecond more matters little


cdef void put_in_case(uint8_t *qname, const Job *job, const Query *query) noexcept nogil:
    """The qname as it is sent, each letter in the case that the query's bits ask for (0x20), and up to a word more."""
    cdef int at = 0, left = job.qname_length
    cdef uint64_t word
    while left > 0:
        word = in_case(word_at(job.qname + at, left), query.case_bits, at // WORD)
        memcpy(qname + at, &word, WORD)
        at += WORD
        left -= WORD


@cython.final
cdef class UdpEngine(DatagramReader):
    """All that is in flight as datagrams. `open_port(v6)` gives a bound non-blocking socket; times in seconds."""

    def __cinit__(self, JobPool pool not None, addresses, *, open_port, int slots=10_000, double timeout_s=2.0,
                  str policy="random", bint gso=False, bint case=True, bint early=True, bint grows=False):
        if not HAVE_BATCHES:
            raise OSError("udp:// needs Linux; use tcp://")
        cdef bint is_single = len(addresses) == 1 and not grows
        self.pool, self.exchange, self.addresses, self.outgrown = pool, pool.exchange, [], []
        self.timeout_s, self.case, self.early = timeout_s, case, early
        self.slots, self.limit = slots, min(slots, <int>LIMIT_FIRST)
        self.strangers = Tally()
        self.spare = SPARE_FIRST
        self.begin_choice(POLICIES.index(policy))
        self.ports = Ports(self.exchange, open_port, addresses[0].where if is_single else None)
        self.received, self.batch = ReceiveBatch(), SendBatch(gso)
        self.add_paths(addresses)

    def add_paths(self, addresses, *, bint moves_when_cut=False) -> None:
        """More paths, in the engine's own thread. `moves_when_cut`: their servers limit responses, and mean it so."""
        cdef int first = self.path_count
        self.enter(addresses, moves_when_cut)
        self.choose_among_more(first)

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

    # -- a turn --------------------------------------------------------------------------------------------------

    def turn(self, double now, lost_s=None, *, double stays_s=0) -> int:
        """Take in what has come, end what has waited too long, send what there is room for; returns answers taken. `now`
        is the machine's monotonic clock less `lost_s` (None: whatever that is at this moment), and may be some time ago:
        other threads run between any two steps of Python's. As long as something comes, do it again, for `stays_s`."""
        cdef int settled
        self.received.ahead = monotonic() - now if lost_s is None else lost_s
        with nogil:
            settled = self.steps(now, stays_s)
        return settled

    cdef int steps(self, double now, double stays_s) except -1 nogil:
        """One, and more of them while something comes within a millisecond; where much comes, not one for every few: a
        server that wakes us up for each response has less time to answer."""
        cdef epoll_event events[EVENTS]
        cdef double begun = monotonic(), before = begun, after = begun
        cdef int settled = 0, ready, came
        cdef timespec gather
        if self.closed:
            return 0
        ready = epoll_wait(self.ports.poll, events, EVENTS, 0)
        while True:
            came = self.step(now + after - begun, events, ready)
            settled += came
            before = monotonic()
            if before - begun >= stays_s or self.exchange.in_flight == 0 or self.is_distant or self.pool.blocked():
                return settled
            if came >= STREAM and before - after < GATHER_S:
                gather.tv_sec, gather.tv_nsec = 0, <long>(1e9 * (GATHER_S - (before - after)))
                nanosleep(&gather, NULL)
            ready = epoll_wait(self.ports.poll, events, EVENTS, 1)
            after = monotonic()
            if ready <= 0 or after - before > STALL_S:
                return settled

    cdef int step(self, double now, epoll_event *events, int ready) except -1 nogil:
        cdef int index, settled = 0
        for index in range(ready):
            if events[index].events & EPOLLERR:
                self.drain_errors(<Port *>events[index].data.ptr, now)
            settled += self.drain(<Port *>events[index].data.ptr, now)   # may close the port
        self.expire(now)
        if self.pool.suffixes is not None:
            self.pool.sort_input(now)
        self.look_for_room(now)
        self.fill(now)
        self.before, self.were_in_flight = now, self.in_flight
        return settled

    def tick(self, double now) -> None:
        """Now and then: rounds that end by time, pauses and buckets, ports that are old."""
        cdef UdpPath *path
        cdef int index
        if self.closed:
            return
        self.count_sound()
        self.is_paced = False
        self.is_distant = self.is_many and self.in_flight > 0
        self.exchange.end_line(self.pool.scan_now(now))
        for index in range(self.path_count):
            path = &self.paths[index]
            resume_cookie(&path.cookie, now)
            self.is_paced = self.is_paced or (path.pacing.pace > 0 and self.exchange.in_flight > 0)
            if path.pacing.in_flight and path.pacing.rtt_least < DISTANT_S:
                self.is_distant = False
        for index in range(self.path_count):
            path = &self.paths[index]
            if self.is_needed(path):    # with nothing better to do than to wait for it
                path.pacing.paused_until = min(path.pacing.paused_until, now + self.pool.deadline_s / PAUSES_LEAST)
        self.ports.age(now)

    cdef void without_stream(self, Job *job) noexcept nogil:
        """No stream could be opened for this job: what its resolver gets wrong has to do."""
        cdef int index
        job.stream_failed = False
        if job.stream_cause == CAUSE_COOKIE:
            job.without_edns = True             # and so without cookies
        for index in range(self.path_count if job.stream_cause == CAUSE_CASE else 0):
            if self.paths[index].resolver == job.resolver:
                self.paths[index].case_failures += 1

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
        see_delivery(path, False)
        if query.departure.is_early and query.job is not NULL:
            see_cure(&path.pacing, False)
        return True

    # -- fill ----------------------------------------------------------------------------------------------------

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
        self.batch.arrange(self.paths, self.path_count, self.ports.is_connected(), count)
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
