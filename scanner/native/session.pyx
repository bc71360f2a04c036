# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""A DNS session over one stream, without I/O and without a clock (RFC 7766).

It fills a window with queries, gives responses to the exchange by their IDs, and hands jobs back when their time runs
out or the connection ends. It never opens, waits or writes.
"""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from scanner.native.exchange cimport find
from scanner.native.frames cimport frame_size, keep
from scanner.native.jobs.books cimport REQUEUED
from scanner.native.jobs.job cimport ask_without_edns_after_silence
from scanner.native.jobs.retry cimport RetryQueue, Route
from scanner.native.limits cimport return_tokens, take_tokens
from scanner.native.memory cimport LINE_OCTETS, checked_alloc, prefetch
from scanner.native.message.query cimport COOKIE_NEW, QUERY_MAX, Form, write_query
from scanner.native.message.response cimport FIT_BROKEN, FIT_STRAY, Response, read_response
from scanner.native.output.buffer cimport span_of
from scanner.native.path cimport DISTRUSTED, is_asked_with_edns, is_open, learn
from scanner.native.random cimport draw
from scanner.native.tally cimport LOSSES, QUERIES, STRAYS
from scanner.native.verdict cimport BADRESP, TIMEOUT, Reason

cdef enum:
    WINDOW_FIRST = 2        # a connection begins with this many and doubles while answers come
    STRAYS_MAX = 100        # a stream with so many messages in a row that answer nothing has lost its framing
    WARMED = 8              # frames that are looked at ahead
    FREE_MAX = 10           # closes among answers that one job is given for nothing
cdef const double WAY_S = 0.05          # between two connections that make way for lone jobs
cdef const double STUCK_S = 0.05        # for which a connection without an answer is waited for, at least,
cdef const double STUCK_RTTS = 4        # and for so many round trips of the others
cdef const double WHOLE = 0.99          # of an attempt's time: less had one that its job's deadline ended


@cython.final
@cython.no_gc_clear         # __dealloc__ asks the pool
cdef class Session:
    """One connection's queries. `window` fixes how many are in flight, 0 finds it; times in seconds; `tags` is the JSON
    of fields ns and p, given with each line that was answered here. With `fallback`, jobs come from there alone."""

    def __cinit__(self, JobPool pool not None, PathState path not None, *, int window=0, double timeout_s=2.0,
                  int worker=0, bytes tags=b"", StreamFallback fallback=None):
        if not 0 <= window <= 1024:
            raise ValueError("window is 0 to 1024")
        self.pool, self.exchange, self.path, self.fallback = pool, pool.exchange, path, fallback
        self.reroute()
        self.tags, self.tags_span = tags, span_of(tags)
        self.worker, self.timeout_s = worker, timeout_s
        self.frame_max = QUERY_MAX + 2 + COOKIE_NEW + pool.asking.form.size
        if pool.asking.form.cookie:
            memcpy(self.cookie, b"\x00\x0a\x00\x08", 4)
            memcpy(self.cookie + 4, draw(&self.exchange.random, 8), 8)
            self.cookie_size = COOKIE_NEW
        self.win.fixed = window
        self.win.now = window or WINDOW_FIRST
        self.win.threshold = WINDOW_FAR
        self.channel.carrier = <void *>self
        self.opened()

    def __dealloc__(self):
        cdef uint64_t at = 0
        while self.channel.in_flight:
            if self.channel.places[at] is NULL:
                at += 1
            else:
                self.exchange.end(self.channel.places[at])
        free(self.channel.places)
        free(self.tail.octets)
        free(self.routes)

    def reroute(self) -> None:
        """Take jobs of its path's routes, which may be others than before."""
        cdef tuple given = self.path.routes
        cdef Route **routes
        if not given or not 0 <= min(given) <= max(given) < self.pool.route_count:
            raise ValueError(f"no routes {given}")
        routes = <Route **>checked_alloc(calloc(len(given), sizeof(Route *)))
        for index, route in enumerate(given):
            routes[<int>index] = self.pool.routes[<int>route]
        free(self.routes)
        self.routes, self.route_count, self.turn_of = routes, <int>len(given), 0

    @property
    def retry(self) -> RetryQueue:
        """Jobs of its first route that wait to be tried again, in the pool."""
        return self.pool.queues[self.path.routes[0]]

    @property
    def has_retries(self) -> bool:
        """Jobs of its routes wait to be tried again, or a trusted resolver is to be asked about some."""
        return self.retries_wait() or (
            self.pool.opinion is not None and self.pool.routes[self.pool.opinion.route].fresh.count > 0)

    def opened(self, connection=None) -> None:
        """A new connection: its counters begin anew; it doubles up to the window that the last one had found."""
        self.connection = connection
        if self.win.now == 0:
            self.reopen_window()
        if self.win.fixed == 0 and self.sent:
            self.win.threshold = max(self.win.now, <int>WINDOW_FIRST)
            self.win.now = min(self.win.now, <int>WINDOW_FIRST)
        self.sent = self.answered = self.answered_before = 0
        self.silent = self.strays = self.strays_in_row = self.noise = 0
        self.retires = False
        self.excused = self.turned_away = self.noisy = self.suspect = self.asks_alone = self.makes_way = False
        memset(self.overdue, 0, sizeof(self.overdue))
        self.tail.used = 0
        self.win.rtt = 0
        self.win.rtt_least = 1e9

    @property
    def window(self) -> int:
        """How many queries may be in flight."""
        return self.win.now

    @property
    def in_flight(self) -> int:
        """How many queries are in flight."""
        return self.channel.in_flight

    @property
    def room(self) -> int:
        """How many more queries may be in flight now, the bucket aside."""
        return self.room_now()

    cdef int room_now(self) noexcept:
        cdef int64_t room = self.win.now - self.channel.in_flight
        if self.retires or (self.asks_alone or self.makes_way) and self.is_apart():
            return 0
        if self.path.quota:
            room = min(room, self.path.quota - self.sent)
        return <int>max(room, <int64_t>0)

    @property
    def used_up(self) -> bool:
        """True when the connection has given all that its server allows one, makes way or retires: time for another."""
        return self.channel.in_flight == 0 and (self.retires or 0 < self.path.quota <= self.sent
                                                or (self.makes_way and self.lone().waiting.count > 0))

    cdef bint is_apart(self) noexcept:
        """True while nothing is to be sent because of a lone job."""
        self.asks_alone = self.asks_alone and self.channel.in_flight > 0
        self.makes_way = self.makes_way and self.lone().waiting.count > 0
        return self.asks_alone or self.makes_way

    cdef int room_unless_way_is_made(self, int room, double now) noexcept:
        """Lone jobs wait, and this connection is not new: now and then one makes way."""
        if self.answered == 0 or now < self.lone().next_at:
            return room
        self.lone().next_at = now + WAY_S
        self.makes_way = True
        return 0

    # -- octets out ----------------------------------------------------------------------------------------------

    cpdef bytes fill(self, double now):
        """As many framed queries as the window, the quota and the bucket allow; None when there are none."""
        cdef int wanted = self.room_now() if is_open(&self.path.habits) else 0
        cdef int room, count = 0
        cdef bint lone = False, shares = self.answered and len(self.path.stuck) > 0
        cdef uint8_t *begin
        cdef uint8_t *at
        cdef double clock = self.pool.scan_now(now)
        cdef Job *job
        if wanted and self.lone().waiting.count:
            lone = self.sent == 0 or (self.answered == 0 and self.channel.in_flight == 0)
            wanted = 1 if lone else self.room_unless_way_is_made(wanted, now)
        if wanted and self.pool.budget is not None:
            wanted = self.pool.budget.take(wanted)
        room = take_tokens(&self.path.bucket.state, now, wanted) if wanted else 0
        if room:
            begin = at = self.exchange.scratch_for(room * self.frame_max)
            while count < room:
                if lone:
                    job = self.lone_job(now)
                else:
                    job = self.stuck_job(now) if shares else self.next_job(now)
                if job is NULL:
                    break
                at += self.ask(job, at, now, clock)
                count += 1
            return_tokens(&self.path.bucket.state, room - count)
        if self.pool.budget is not None:
            self.pool.budget.settle(wanted, count)
        if count == 0:
            return None
        if self.answered == 0:
            self.sent_at = now
        self.sent += count
        self.path.counts().counts[<int>QUERIES] += count
        return PyBytes_FromStringAndSize(<char *>begin, at - begin)

    cdef Job *lone_job(self, double now) except? NULL:
        """The only job on the connection: one that is to be asked alone, or any."""
        cdef Job *job = self.pool.take_lone(self.routes[0], self.lone(), self.worker, self.path.egress, self.path.resolver,
                                            now, self.path.doubted)
        self.asks_alone = job is not NULL
        return job if job is not NULL else self.next_job(now)

    cdef Job *next_job(self, double now) except? NULL:
        if self.fallback is not None:
            return NULL if self.pool.is_behind() else self.fallback.next()
        if self.route_count > 1:
            return self.next_of_routes(now)
        return self.pool.take(self.routes[0], self.worker, self.path.egress, self.path.resolver, now, self.path.doubted)

    cdef Job *next_of_routes(self, double now) except? NULL:
        """Of its routes in turn."""
        cdef Job *job = NULL
        cdef int tries = self.route_count
        while job is NULL and tries:
            job = self.pool.take(self.routes[self.turn_of], self.worker, self.path.egress, self.path.resolver, now,
                                 self.path.doubted)
            self.turn_of = self.turn_of + 1 if self.turn_of + 1 < self.route_count else 0
            tries -= 1
        return job

    cdef Job *stuck_job(self, double now) except? NULL:
        """A job that waits on a connection without an answer, to be asked here too; where there is none, the next one."""
        cdef Job *job
        while self.path.stuck and not self.pool.is_behind() and not self.pool.leaving:
            job = (<Session>self.path.stuck[0]).job_to_share()
            if job is not NULL:
                self.pool.books.add(REQUEUED)
                return job
            self.path.stuck.pop(0)
        return self.next_job(now)

    cdef Job *job_to_share(self) noexcept:
        """One that is in flight here and nowhere else; NULL when there is none, or an answer has come meanwhile."""
        cdef uint64_t at
        cdef Query *query
        for at in range(self.channel.mask + 1 if self.answered == 0 and self.channel.in_flight else 0):
            query = self.channel.places[at]
            if query is not NULL and query.job is not NULL and query.job.in_flight == 1:
                return query.job
        return NULL

    cdef int ask(self, Job *job, uint8_t *at, double now, double clock) except -1:
        """Write the job's query, framed, and have it in flight under an ID that nothing else here has; returns the
        octets."""
        cdef Query *query
        cdef const Form *form
        cdef Py_ssize_t size
        cdef uint16_t message_id = self.exchange.free_id(&self.channel)
        job.worker, job.egress, job.resolver = self.worker, self.path.egress, self.path.resolver
        if self.pool.notes_tried and job.in_flight == 0:
            self.pool.note_asked(job, self.path.resolver)
        if not is_asked_with_edns(&self.path.habits):
            job.without_edns = True
        elif self.silent or self.path.doubted:      # nothing came back, perhaps because of EDNS
            ask_without_edns_after_silence(job)
        query = self.exchange.begin(job, &self.channel, message_id, now, min(clock + self.timeout_s, job.deadline))
        query.edns = not job.without_edns
        form = self.routes[0].form if self.route_count == 1 else self.pool.routes[job.route].form
        size = write_query(at + 2, message_id, job.qname, job.qname_length, job.qtype, form, query.edns, self.cookie,
                           self.cookie_size)
        at[0], at[1] = <uint8_t>(size >> 8), <uint8_t>size
        return <int>size + 2

    def exchange_octets(self, bytes octets not None, double now) -> bytes | None:
        """`receive` and then `fill`, in one call; `smooth` is true when that was all there is to do."""
        cdef bytes out
        self.receive(octets, now)
        out = self.fill(now)
        self.smooth = (self.channel.in_flight >= self.win.now and self.path.quota == 0 and not self.retries_wait()
                       and not self.pool.writer.full())
        return out

    # -- octets in -----------------------------------------------------------------------------------------------

    cpdef int receive(self, bytes octets, double now) except -1:
        """Octets from the stream, cut anywhere; returns how many jobs got their line or were given back."""
        cdef const uint8_t *at = octets
        cdef const uint8_t *warmed = at
        cdef Py_ssize_t left = len(octets), need, size
        cdef int settled = 0
        self.heard_at = now
        while left > 0:
            if self.tail.used:
                need = frame_size(self.tail.octets, self.tail.used)
                size = min(need - self.tail.used, left)
                keep(&self.tail, at, size)
                at += size
                left -= size
                if self.tail.used >= 2 and self.tail.used == frame_size(self.tail.octets, self.tail.used):
                    size = self.tail.used - 2
                    self.tail.used = 0
                    settled += self.answer(self.tail.octets + 2, size, now)
                continue
            need = frame_size(at, left)
            if left < need:
                keep(&self.tail, at, left)
                break
            if at >= warmed and left > need:
                warmed = self.warm(at, left)
            settled += self.answer(at + 2, need - 2, now)
            at += need
            left -= need
        if settled:
            self.answered_at = now
            self.silent = 0
            if self.win.now == 0:
                self.reopen_window()
        return settled

    cdef const uint8_t *warm(self, const uint8_t *at, Py_ssize_t left) noexcept:
        """Have what the next few frames ask for on its way into the cache, all of it at once instead of one after the
        other; returns where the last of them ends. (Measured: 0.37 us a name with it, 0.41 without.)"""
        cdef Query *queries[WARMED]
        cdef Py_ssize_t need
        cdef int count = 0, index
        while count < WARMED and left >= 4:
            need = frame_size(at, left)
            if left < need or need < 4:
                break
            queries[count] = find(&self.channel, at[2] << 8 | at[3])
            if queries[count] is not NULL:
                prefetch(queries[count])
                count += 1
            at += need
            left -= need
        for index in range(count):
            if queries[index].job is not NULL:
                prefetch(queries[index].job)
                prefetch(<char *>queries[index].job + LINE_OCTETS)
        return at

    cdef int answer(self, const uint8_t *message, Py_ssize_t length, double now) except -1:
        """One message: 1 when it ended a query, 0 when it answers nothing here."""
        cdef Query *query = NULL
        cdef uint16_t message_id = 0
        if length >= 12:
            message_id = message[0] << 8 | message[1]
            query = find(&self.channel, message_id)
        if query is not NULL and self.understand(query, message, length, now):
            return 1
        return self.is_stray(message_id, now)

    cdef int is_stray(self, uint16_t message_id, double now) except -1:
        """Nothing in flight is answered by a message with this ID: it is late, or noise; 0."""
        cdef int index
        self.strays += 1
        self.path.counts().counts[<int>STRAYS] += 1
        if self.answered > self.answered_before:
            self.answered_before, self.strays_in_row = self.answered, 0
        for index in range(OVERDUE if message_id else 0):
            if self.overdue[index] == message_id:
                self.overdue[index] = 0
                self.late_at, self.strays_in_row, self.silent = now, 0, 0
                self.path.silences = 0
                return 0
        self.strays_in_row += 1
        self.noisy = self.noisy or self.strays_in_row > STRAYS_MAX
        return 0

    cdef int understand(self, Query *query, const uint8_t *message, Py_ssize_t length, double now) except -1:
        """What the message means for the query; 0 when it does not answer it."""
        cdef Response response
        cdef Job *job = query.job
        cdef int fit = FIT_STRAY
        cdef double rtt = self.pool.waited(query.sent, now)
        cdef bint revealed, refused
        if job is not NULL:
            fit = read_response(message, length, job.qname, job.qname_length, job.qtype, self.pool.asking.form.qclass,
                                &response)
            if fit == FIT_STRAY:
                return 0
        self.count_answer(rtt)
        if job is NULL:                 # finished by its other query: this one's ID is free again
            self.exchange.end(query)
            return 1
        self.exchange.heard(now)
        if self.pool.suffixes is not None:      # the job's last line of memory is not asked for in vain
            self.pool.routes[job.route].heard = True
        self.path.heard_at = now
        self.path.doubted = False
        if self.path.habits.trust == DISTRUSTED:
            self.exchange.end(query)
            self.pool.retry_or_fail(job, TIMEOUT, False, now)
            return 1
        if fit == FIT_BROKEN:
            job.rcode = message[3] & 0x0F
            self.exchange.end(query)
            self.pool.retry_or_fail(job, BADRESP, True, now)
            return 1
        revealed = not query.edns and job.edns_silence
        refused = self.pool.respond(query, &response, message, length, self.tags_span, self.path.resolver, now)
        learn(&self.path.habits, &response, refused or revealed)
        return 1

    # -- time and the end of the connection ----------------------------------------------------------------------

    @property
    def hopeless(self) -> bool:
        """True when the connection is to be given up: silent through a probe, or full of noise."""
        return self.noisy or self.silent > 1

    cdef void reopen_window(self) noexcept:
        self.win.now = self.win.fixed or <int>WINDOW_FIRST

    cdef bint ran_out(self, Query *query, double now) noexcept:
        """An attempt ended without an answer, which the caller ends; True when it is spent. `slow_down` follows."""
        cdef Job *job = query.job
        cdef bint unanswered = self.answered_at <= query.sent
        self.overdue[self.overdue_at % OVERDUE] = <uint16_t>query.key
        self.overdue_at += 1
        self.path.counts().counts[<int>LOSSES] += 1
        if self.heard_at > max(query.sent, max(self.answered_at, self.late_at)) \
                and now - query.sent >= WHOLE * self.timeout_s:
            self.noise += 1
            self.unanswered = self.unanswered or unanswered
            if job is NULL:
                return True
            self.suspect = self.suspect or self.is_suspect(job) or self.path.heard_at > query.sent
            if job.hurt < 0:
                job.hurt = now
            return job.requeues >= FREE_MAX
        self.mute = self.mute or unanswered
        self.is_silent = self.is_silent or (unanswered and self.late_at <= query.sent)
        return True

    cdef int slow_down(self) except -1:
        """What the attempts that ran out now mean for the connection."""
        if self.noise:
            self.noisy = self.noisy or self.unanswered or self.channel.in_flight == 0
            if not self.noisy:
                self.noise = self.win.now = 0
        elif self.mute:                 # the whole connection is silent or late, not one name: feel with one query
            if self.is_silent and self.silent == 0 and self.answered:
                self.path.fell_silent(self.answered)
            self.silent += self.is_silent
            if self.win.fixed == 0:
                self.win.threshold = max(self.win.now / 2.0, 1.0)
                self.win.now = 1
            elif self.win.now == 0:
                self.reopen_window()
        self.unanswered = self.mute = self.is_silent = False
        return 0

    def abandon(self, int reason, double now) -> int:
        """The connection ended: every job in flight goes back, without an attempt spent the first time, nor
        (within reason) when the connection had been answering others. Returns how many queries there were.

        Some servers close on a name that they do not like (unbound's `deny`). Where a name in flight may be one,
        and the first time that a path which has answered closes without an answer, this is no proof that the path
        is down: `excused`. No job ends by a close that others in flight may have brought about: its last attempt goes
        alone on a connection. Where noise was all that came, that is no name's doing, and costs none an attempt."""
        cdef bint spend, suspect = self.suspect or self.holds_suspect()
        cdef int count = self.channel.in_flight, lost = count + self.noise
        cdef uint64_t at = 0
        cdef Query *query
        cdef Job *job
        if self.answers:
            self.answers = False
            self.path.answering -= 1
        if lost and self.win.fixed == 0:
            self.win.now = max(self.win.now // 2, 1) if self.answered > QUOTA_MAX else 1
        if lost and self.answered <= QUOTA_MAX and self.sent > 1 and not (suspect and lost == 1) and not self.noisy \
                and (self.answered or not self.path.answering):     # else it may be one too many, or hold a bad name
            self.path.ended_short(max(self.answered, 1))
        self.turned_away = self.answered == 0 and self.silent > 1 and self.path.answering > 0
        if self.turned_away:
            self.excused = True
        elif (lost or self.noisy) and self.answered == 0:
            self.excused = suspect or (self.path.heard_at >= 0 and not self.path.doubted)
            self.path.doubted = True
        if self.hopeless:                   # we ended it: no answer came in time
            reason = TIMEOUT
        while self.channel.in_flight:
            query = self.channel.places[at]
            if query is NULL:
                at += 1
                continue
            job = query.job
            self.exchange.end(query)        # another may take its place
            if job is NULL:
                continue
            if job.hurt < 0:
                job.hurt = now
            spend = job.requeues >= FREE_MAX or (job.requeues > 0 and self.answered == 0 and not self.excused
                                                 and not self.noisy)
            if spend and self.sent > 1 and self.path.heard_at >= 0 and self.pool.is_last(job):
                self.pool.ask_alone(job, self.lone_of(job), <Reason>reason, now)
            else:
                self.pool.retry_or_fail(job, <Reason>reason, spend, now)
        self.path.counts().counts[<int>LOSSES] += count
        self.tail.used = 0
        self.connection = None
        return count

    cdef LoneQueue *lone_of(self, const Job *job) noexcept:
        """Where this one waits to be asked alone."""
        return &self.pool.routes[job.route].lone if self.fallback is None else &self.fallback.lone

    cdef bint holds_suspect(self) noexcept:
        """True when a job in flight was so at an earlier end of a connection, and others were answered since."""
        cdef uint64_t at
        cdef Query *query
        for at in range(self.channel.mask + 1 if self.channel.in_flight else 0):
            query = self.channel.places[at]
            if query is not NULL and query.job is not NULL and self.is_suspect(query.job):
                return True
        return False

    cdef bint is_suspect(self, const Job *job) noexcept:
        return 0 <= job.hurt < self.path.heard_at


def expire_queries(JobPool pool not None, double now) -> list:
    """Give back the jobs whose attempt ran out on any connection; returns the sessions that this happened to."""
    cdef double clock = pool.scan_now(now)
    cdef Query *query = pool.exchange.next_expired(clock)
    cdef Job *job
    cdef Session session
    cdef bint spend
    touched = {}
    while query is not NULL:
        session, job = <Session>query.channel.carrier, query.job
        touched[session] = None
        spend = session.ran_out(query, now)
        pool.exchange.end(query)
        if job is not NULL:
            pool.retry_or_fail(job, TIMEOUT, spend, now)
        query = pool.exchange.next_expired(clock)
    for session in touched:
        session.slow_down()
    return list(touched)


def find_stuck(PathState path not None, list sessions not None, double now) -> bool:
    """Mark the path's `sessions` that were asked and never answered for longer than others take: those are to ask the
    same jobs. True when there are such sessions."""
    cdef Session session
    cdef double rtt = 0, longest
    path.stuck.clear()
    if path.answering == 0:
        return False
    for session in sessions:
        if session.answers:
            rtt = max(rtt, session.win.rtt)
    longest = max(STUCK_S, STUCK_RTTS * rtt)
    for session in sessions:
        if session.channel.in_flight and path.heard_at > session.sent_at and now - session.sent_at > longest \
                and session.job_to_share() is not NULL:
            path.stuck.append(session)
    return len(path.stuck) > 0
