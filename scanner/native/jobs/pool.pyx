# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""A job's life: taken, asked, tried again, finished. Every input line becomes one line for each type, exactly once.

It is given the time and knows nothing of connections. Of what it holds, the spool alone touches a file; the line writer
(the wall's, for field ts) and the line reader (when its input came) alone look at a clock.
"""

cimport cython
from libc.stdint cimport int64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memset

from scanner.native.exchange cimport Exchange
from scanner.native.input.answered cimport Answered
from scanner.native.input.columns cimport Columns
from scanner.native.input.lines cimport LineReader
from scanner.native.input.names cimport NameReader
from scanner.native.input.suffixes cimport UNMET, SuffixTable
from scanner.native.jobs.books cimport REQUEUED, UNFINISHED, Books
from scanner.native.jobs.closer cimport nothing
from scanner.native.jobs.deferral cimport Deferral
from scanner.native.jobs.fallback cimport StreamFallback
from scanner.native.jobs.job cimport is_unasked, pop, push
from scanner.native.jobs.opinion cimport SecondOpinion
from scanner.native.jobs.retry cimport RetryQueue, Route, next_for
from scanner.native.jobs.slots cimport JobSlots
from scanner.native.jobs.unproven cimport Pile, Unproven
from scanner.native.limits cimport Budget
from scanner.native.memory cimport checked_alloc
from scanner.native.message.query cimport QueryForm
from scanner.native.output.buffer cimport LineBuffer
from scanner.native.output.formats import WRITERS
from scanner.native.output.writer cimport LineWriter
from scanner.native.path cimport DISTRUSTED, HELD, TRUSTED
from scanner.native.verdict cimport CONNECTION, NONE, Reason

cdef enum:
    ATTEMPTS_MAX = 200
    FRESH_MAX = 16384           # jobs that wait for their route's first query
    ROUTES_MAX = 1 << 30
    FRESH_SILENT = 64           # the same, of a route whose resolvers are silent
    AGAIN_AHEAD = 16            # jobs that are asked again, in the queue of those that wait
    AGAIN_AWAY = 1024           # the same, on their way to another engine


@cython.final
cdef class JobPool(JobReturner):
    """See the module. `classify_line(line) -> (text, d, reason, why)` is asked of each line that is not a plain name;
    `room_made()` is called when a chunk is used up. Lines that are `answered` are skipped. `spill()` opens the temporary
    file in which jobs may wait for their second pass; None: there is none. `index` is the engine's among `engines`. Where
    `columns` say that lines have a type, `type_of(octets)` is its number, 0 for none that can be asked, and `types` is the
    one of lines without. `routes` are pairs: whether its servers are authoritative, and what becomes of its names where it
    has none (0: it has some); the first is that of names with none of the `suffixes`, pairs of a name and a route's index;
    `finds_servers`: there will be more (`find_servers_of`). `opinion`: one of the routes is that of the trusted resolvers.
    `route_of(octets)` is asked of a resolver that a line names: a route behind these, which may still be to come
    (NameReader).
    `compared`: answers are compared with those of random names below "suffixes", or below all "parents". `failover` are
    RCODEs, a bit for each. With `recheck_s`, what those with an index below `resolvers` say is kept for so long, or until it is
    proven, in `unproven_most` octets. Times in seconds."""

    def __cinit__(self, LineBuffer buffer not None, types, *, classify_line, room_made, format="compact", type_tags=(),
                  fields=(), only=(), double deadline_s=10.0, int retries=2, int live_max=16384, bint special=False,
                  Answered answered=None, spill=None, Budget budget=None, int index=0, int engines=1, bint exports_fallback=False,
                  bint exports_retries=False, QueryForm asking=None, Columns columns=None, type_of=None,
                  routes=((False, 0),), suffixes=(), str compared="", bint finds_servers=False, SecondOpinion opinion=None,
                  unsigned int failover=0, route_of=None, classify_otherwise=None, int resolvers=0, double recheck_s=0,
                  Py_ssize_t unproven_most=1 << 27):
        self.books = Books()
        self.asking = QueryForm() if asking is None else asking
        self.exchange = Exchange()
        self.writer = WRITERS[format](buffer, self.books, types, self.asking.form.qclass,
                                      list(type_tags) or [b""] * len(types), fields, only,
                                      columns is not None and columns.with_type)
        self.names = NameReader(LineReader(room_made), self.writer, self.books, types, classify_line, special, answered,
                                columns, type_of, route_of, classify_otherwise)
        self.slots = JobSlots(engines)
        self.unproven = Unproven(self.writer, self.books, self.slots, resolvers, recheck_s, unproven_most) if recheck_s else None
        self.failover = failover
        self.begin_routes(routes)
        self.own_routes = ROUTES_MAX if route_of is None else self.route_count
        self.suffixes = None
        if len(routes) > 1 or routes[0][1] or finds_servers or route_of is not None:
            self.suffixes = SuffixTable(suffixes)
        self.deferral = Deferral(spill, self.slots, self.books, deadline_s, live_max)
        self.fallbacks = []
        self.exports_fallback, self.exports_retries = exports_fallback, exports_retries
        self.budget, self.index, self.opinion = budget, index, opinion
        self.deadline_s, self.live_max = deadline_s, live_max
        self.retries = min(retries, <int>ATTEMPTS_MAX)
        self.clock.held_since = -1
        self.described = nothing()
        self.begin_comparing(compared)

    def begin_routes(self, routes) -> None:
        """A queue for each."""
        self.asking_authorities = self.asking.without_recursion()
        self.queues, self.wanted = [], []
        for authoritative, nowhere in routes:
            self.enter_route(RetryQueue(authoritative, nowhere))
        self.retry = self.queues[0]

    cdef int enter_route(self, RetryQueue queue) except -1:
        cdef bint authoritative = queue.route.authoritative
        if self.route_count & (self.route_count - 1) == 0:      # full: room for twice as many
            self.routes = <Route **>checked_alloc(realloc(self.routes, 2 * max(self.route_count, 1) * sizeof(Route *)))
        queue.route.form = &(self.asking_authorities if authoritative else self.asking).form
        self.routes[self.route_count] = &queue.route
        self.route_count += 1
        self.queues.append(queue)
        self.any_authoritative = self.any_authoritative or authoritative
        self.notes_tried = self.any_authoritative or self.failover != 0
        return 0

    # -- suffixes whose servers are found while the scan runs ------------------------------------------------------

    def find_servers_of(self, suffixes) -> None:
        """Names below these suffixes, pairs of a plain name and whether every name one label longer is a suffix too, wait
        until `direct` says where they go: when one comes, its suffix is `newly_wanted`."""
        for suffix, has_children in suffixes:
            if self.suffixes.route_of(suffix) <= 0:
                self.suffixes.put(suffix, UNMET, has_children=has_children)

    def newly_wanted(self) -> list:
        """Suffixes of names that wait, since the last call."""
        cdef list wanted = self.wanted
        if wanted:
            self.wanted = []
        return wanted

    def add_route(self, *, bint authoritative=False, int nowhere=0, bytes why=b"") -> RetryQueue:
        """One more route, the last: to servers that are to be named (`served_by`), or to nobody."""
        cdef RetryQueue queue = RetryQueue(authoritative, nowhere, why)
        self.enter_route(queue)
        return queue

    def direct(self, routes, double now) -> None:
        """Names below these suffixes take these routes (pairs; None: the next one is `newly_wanted` again); those that
        wait for one go on."""
        cdef Job *job
        cdef int index
        for suffix, route in routes:
            self.suffixes.put(suffix, UNMET if route is None else route)
        for index in range(self.pending.count):
            job = pop(&self.pending)
            self.find_route(job)
            if job.second:
                job.deadline = self.scan_now(now) + self.deadline_s
            self.take_in(job, now)

    def __dealloc__(self):
        free(self.routes)

    # -- input ---------------------------------------------------------------------------------------------------

    def feed(self, bytes chunk not None, before=-1) -> None:
        """More input (LineReader.feed). The thread that has the input may call it."""
        self.names.lines.feed(chunk, before)

    def end(self) -> None:
        """The end of input, behind what was fed. The thread that has the input may call it."""
        self.names.lines.end()

    @property
    def chunks_waiting(self) -> int:
        """How many chunks have not been begun. Any thread may ask."""
        return self.names.lines.chunks_waiting

    def stop(self) -> None:
        """Drop all input that is not yet a job; jobs already started go on, to their first pass's end. Those that wait for
        a trusted resolver do so for as long as one name may take."""
        cdef int index
        self.stopped = True
        self.cut_short = self.names.drop() or self.fresh + self.pending.count > 0 or self.cut_short
        for index in range(self.route_count):
            if self.opinion is None or index != self.opinion.route:
                self.drop_queue(&self.routes[index].fresh)
        self.drop_queue(&self.pending)
        self.drop_doubted()
        self.fresh = 0 if self.opinion is None else self.routes[self.opinion.route].fresh.count

    def leave(self) -> None:
        """A budget is used up: what is in flight has until its attempt ends; what is not, or fails then, is given back
        without a line (`unfinished`), so that another run may ask for it."""
        cdef StreamFallback fallback
        cdef int index
        self.stop()
        self.leaving = True
        self.names.leave()
        for index in range(self.route_count):
            self.drop_queue(&self.routes[index].fresh)
            self.drop_queue(&self.routes[index].waiting)
            self.drop_queue(&self.routes[index].lone.waiting)
        self.fresh = 0
        self.drop_queue(&self.outgoing)
        for fallback in filter(None, self.fallbacks):
            self.drop_queue(&fallback.waiting)
            self.drop_queue(&fallback.lone.waiting)
        self.books.entries[<int>UNFINISHED] += self.deferral.clear()

    def look_ahead(self, routes=(0,), double now=0) -> bool:
        """True when there is a job for a worker with room, which asks the resolvers of these routes. Lines that are no
        names are dealt with here."""
        cdef int index
        cdef Route *route
        if self.blocked():
            return False
        for index in routes:
            route = self.routes[index]
            if route.waiting.count > 0 or route.lone.waiting.count > 0 or self.at_hand(route, now):
                return True
        if self.is_doubted() and self.slots.live < self.live_max:
            return True
        return (self.deferral.waits() and self.names.lines.ended and self.deferral.has_room()
                and not self.is_hopeless())

    def has_jobs(self, double now) -> bool:
        """True when there is a job to ask, here or elsewhere."""
        return self.look_ahead(range(self.route_count), now) or self.outgoing.count + self.pending.count > 0

    @property
    def waits(self) -> bool:
        """True when jobs, or lines that may become some, wait to be asked."""
        cdef int index, waiting = self.fresh + self.outgoing.count + self.pending.count
        for index in range(self.route_count):
            waiting += self.routes[index].waiting.count + self.routes[index].lone.waiting.count
        return not self.blocked() and (waiting > 0 or self.names.at_name or self.deferral.waits() or self.is_doubted()
                                       or not self.names.lines.is_used_up)

    def backlog(self, routes=(0,)) -> int:
        """About how many jobs of these routes wait (12 octets a line); for deciding how many workers to wake."""
        cdef int index, waiting = 0
        cdef Route *route
        for index in routes:
            route = self.routes[index]
            waiting += route.waiting.count + route.lone.waiting.count + route.fresh.count
        if self.suffixes is None:
            waiting += (self.names.lines.octets_waiting + 11) // 12 + self.names.at_name
        return waiting + len(self.deferral) + (self.unproven.again_count if self.unproven is not None else 0)

    @property
    def done(self) -> bool:
        """True when the input has ended and every job has its line."""
        return self.is_finished and (self.unproven is None or self.unproven.count == 0)

    @property
    def is_finished(self) -> bool:
        """The same, but for lines that wait for their resolvers' canaries."""
        return (self.slots.live == 0 and not self.is_doubted() and not self.deferral.waits() and not self.names.at_name
                and self.names.lines.is_at_its_end)

    @property
    def live(self) -> int:
        """Jobs started and not yet written. Any thread may ask."""
        return self.slots.live

    # -- lines that wait for their resolvers' canaries ---------------------------------------------------------------

    def judge(self, int resolver, int trust, double now) -> None:
        """This resolver is trusted so from now on (native/path.pxd). Without knowledge of it, its lines need no proof; of
        one that is not believed any more, what is not proven is asked again, or left to another run where the scan was
        stopped."""
        cdef Pile *pile
        if self.unproven is None or resolver >= self.unproven.resolvers:
            return
        pile = &self.unproven.piles[resolver]
        pile.exempt, pile.asked = trust == TRUSTED, trust == HELD
        if trust == TRUSTED:
            self.unproven.prove(resolver, pile.put)
        elif trust == DISTRUSTED:
            self.unproven.doubt(resolver)
            if self.stopped:
                self.drop_doubted()

    def drop_doubted(self) -> None:
        """What was to be asked again is left to another run."""
        if self.unproven is not None:
            self.books.entries[<int>UNFINISHED] += self.unproven.drop_again()

    def prove(self, int resolver, int64_t until) -> None:
        """It has passed the canaries that it got when so many of its lines had been kept: these may be written."""
        self.unproven.prove(resolver, until)

    def let_out(self, double now) -> None:
        """Write lines that may be written, as many as the buffer takes."""
        if self.lets_out:
            self.unproven.let_out(now)

    @property
    def lets_out(self) -> bool:
        """There are such lines, and the output is not behind."""
        return self.unproven is not None and self.unproven.open is not NULL and self.clock.held_since < 0

    cdef int bring_back(self, double now) except -1 nogil:
        """Jobs of before have their turn: those whose resolver is not believed any more, then those of the second pass."""
        if self.is_doubted():
            self.ask_again(AGAIN_AHEAD, now)
        if self.deferral.waits() and self.names.lines.ended:
            self.recall(now)
        return 0

    cdef int ask_again(self, int most, double now) except -1 nogil:
        """A few jobs, up to `most` that wait, begin anew."""
        cdef Job *job
        while (self.is_doubted() and self.slots.live < self.live_max and self.fresh + self.pending.count < FRESH_MAX
               and self.outgoing.count < AGAIN_AWAY
               and (self.suffixes is not None or self.routes[0].waiting.count < most)):
            job = self.unproven.recall()
            self.begin_now(job, now)
            job.queued_at = now
            self.books.add(REQUEUED)
            self.find_route(job)
            self.take_in(job, now)
        return 0

    # -- jobs to be asked ----------------------------------------------------------------------------------------

    cdef Job *take(self, Route *route, int worker, int egress, int resolver, double now, bint fresh) except? NULL nogil:
        """A job to ask: one that failed elsewhere first, else the input's next; NULL when there is none now.
        `fresh`: the other way about."""
        cdef Job *job = NULL
        if self.is_behind():
            return NULL
        self.bring_back(now)
        if route.waiting.count and not (fresh and self.at_hand(route, now)):
            job = self.waiting_job(route, &route.waiting, worker, egress, resolver, now)
        return job if job is not NULL else self.newcomer(route, now)

    cdef Job *take_lone(self, Route *route, LoneQueue *lone, int worker, int egress, int resolver, double now,
                        bint fresh) except? NULL nogil:
        """A job that is to be asked alone; NULL when there is none for this worker, or what is `fresh` comes first."""
        if self.is_behind() or (fresh and self.at_hand(route, now)):
            return NULL
        return self.waiting_job(route, &lone.waiting, worker, egress, resolver, now)

    cdef Job *waiting_job(self, Route *route, Queue *queue, int worker, int egress, int resolver,
                          double now) except? NULL nogil:
        """One that failed elsewhere and has time left."""
        cdef double clock = self.scan_now(now)
        cdef Job *job = next_for(route, queue, worker, egress, resolver, now)
        while job is not NULL and clock >= job.deadline:
            self.fail_job(job, <Reason>job.reason, now)
            job = next_for(route, queue, worker, egress, resolver, now)
        return job

    cdef bint at_hand(self, Route *route, double now) except -1 nogil:
        """Have a name of this route, from the input if need be."""
        if self.suffixes is None:
            return self.has_room() and self.names.at_hand()
        self.sort_input(now)
        return route.fresh.count > 0

    cdef Job *newcomer(self, Route *route, double now) except? NULL nogil:
        """The input's next job of this route; NULL when there is none now."""
        cdef Job *job
        if self.is_behind():
            return NULL
        if self.suffixes is not None:
            return self.newcomer_of(route, now)
        while self.has_room():
            if not self.names.at_hand():
                if self.deferral.waits() and self.is_hopeless():
                    self.write_deferred(now)
                return NULL
            job = self.start(now)
            if not self.joins_twin(job):
                return job
        return NULL

    # -- several routes ------------------------------------------------------------------------------------------

    cdef Job *newcomer_of(self, Route *route, double now) except? NULL nogil:
        """The same, of several."""
        cdef Job *job
        self.sort_input(now)
        job = self.first_fresh(route, now)
        if job is NULL and self.deferral.waits() and self.is_hopeless():
            self.write_deferred(now)
        return job

    cdef int sort_input(self, double now) except -1 nogil:
        """The input's next names go where those of their route wait, as many as may."""
        cdef Job *job
        if self.is_behind():
            return 0
        self.bring_back(now)
        while self.fresh < FRESH_MAX and self.pending.count < FRESH_MAX and self.has_room() \
                and not self.is_behind() and self.names.at_hand():
            job = self.start(now)
            if self.names.route_of is not None:
                self.begin_own(job)
            if not self.joins_twin(job):
                self.find_route(job)
                self.take_in(job, now)
        return 0

    cdef void begin_own(self, Job *job) noexcept nogil:
        """The resolver that its line names is asked; what another is asked is another question."""
        if self.names.route != self.own_route:
            memset(self.slots.newest, 0, sizeof(self.slots.newest))
            self.own_route = self.names.route
        job.route = self.names.route

    cdef int take_in(self, Job *job, double now) except -1 nogil:
        """The job waits with those of its route: as one that was not asked yet, or with those that have failed."""
        cdef Route *route
        if not self.has_route(job):
            push(&self.pending, job)
            return 0
        route = self.routes[job.route]
        if route.nowhere != NONE:
            self.finish_nowhere(job, now)
        elif not route.here:
            push(&self.outgoing, job)
        elif self.suffixes is None or not is_unasked(job):
            push(&route.waiting, job)
        elif self.is_silent(route, self.scan_now(now)) and route.fresh.count >= FRESH_SILENT:
            self.fail_job(job, route.trouble, now)      # the others' names shall not wait for it
        else:
            self.to_fresh(route, job, now)
        return 0

    cdef void to_fresh(self, Route *route, Job *job, double now) noexcept nogil:
        """It has all its time until it is asked."""
        job.deadline = 1e300
        job.queued_at = now
        push(&route.fresh, job)
        self.fresh += 1

    cdef Job *first_fresh(self, Route *route, double now) noexcept nogil:
        """The next of this route, whose time begins now; NULL when there is none."""
        cdef Job *job = pop(&route.fresh)
        if job is not NULL:
            self.fresh -= 1
            job.started = self.scan_now(now)
            job.deadline = job.started + self.deadline_s
        return job

    cdef Job *start(self, double now) except NULL nogil:
        """A slot with the name at hand."""
        cdef Job *job = self.slots.acquire()
        self.begin_now(job, now)
        self.names.hand_out(job)
        return job

    cdef void begin_now(self, Job *job, double now) noexcept nogil:
        """Its time begins."""
        job.started = self.scan_now(now)
        job.deadline = job.started + self.deadline_s
        job.reason = CONNECTION
        job.without_edns = not self.asking.form.edns

    # -- time ----------------------------------------------------------------------------------------------------

    def expire(self, double now) -> int:
        """Finish queued jobs whose deadline has passed, and those for which there is no second pass any more; returns how
        many of the former."""
        cdef StreamFallback fallback
        cdef double clock = self.scan_now(now)
        cdef int late = self.expire_queue(&self.outgoing, clock, now), index
        if self.stopped and self.opinion is not None:
            self.stop_doubting(clock)
        for index in range(self.route_count):
            late += self.expire_route(self.routes[index], clock, now)
        for fallback in filter(None, self.fallbacks):
            late += self.expire_queue(&fallback.waiting, clock, now)
            late += self.expire_queue(&fallback.lone.waiting, clock, now)
        if self.deferral.waits() and self.is_hopeless():
            self.write_deferred(now)
        if self.unproven is not None:
            self.unproven.age(now)
        self.writer.set_epoch(now)
        return late

    cdef int expire_route(self, Route *route, double clock, double now) except -1 nogil:
        """The same for one route. One whose resolvers are silent does not keep the others' names waiting: its own are left
        for the second pass."""
        cdef int late = self.expire_queue(&route.waiting, clock, now) + self.expire_queue(&route.lone.waiting, clock, now)
        cdef Job *job
        if self.suffixes is None:
            return late
        self.listen(route, clock)
        while self.is_silent(route, clock) and route.fresh.count and not self.writer.full() and (
                route.fresh.count > FRESH_SILENT or now - route.fresh.first.queued_at > self.deadline_s / 2):
            job = self.first_fresh(route, now)
            self.fail_job(job, route.trouble, now)
        return late

    cdef void stop_doubting(self, double clock) noexcept nogil:
        """The scan was stopped: what no trusted resolver was asked for in time is left to another run."""
        cdef Route *route = self.routes[self.opinion.route]
        if self.opinion.until < 0:
            self.opinion.until = clock + self.deadline_s
        if clock >= self.opinion.until or self.is_silent(route, clock):
            self.fresh -= route.fresh.count
            self.drop_queue(&route.fresh)

    cdef void listen(self, Route *route, double clock) noexcept nogil:
        """Since when is nothing answered? A moment without jobs that wait is no end of that."""
        cdef bint waits = route.fresh.count + route.waiting.count + route.lone.waiting.count > 0
        if route.heard or (not waits and clock - route.waited_at > self.deadline_s / 2):
            route.heard, route.silent_since = False, -1
        if waits:
            route.waited_at = clock
            if route.silent_since < 0:
                route.silent_since = clock

    def fail(self, int reason, double now, int most, double waited_s=0) -> int:
        """Nothing can be reached, for so many seconds: finish up to `most` waiting jobs with `reason`; returns how many.
        A name that was not asked yet has waited as long, or since it came."""
        cdef StreamFallback fallback
        cdef int failed = self.fail_queue(&self.outgoing, <Reason>reason, now, most), index
        cdef Job *job
        for fallback in filter(None, self.fallbacks):
            failed += self.fail_queue(&fallback.waiting, <Reason>reason, now, most - failed)
            failed += self.fail_queue(&fallback.lone.waiting, <Reason>reason, now, most - failed)
        for index in range(self.route_count):
            failed += self.fail_queue(&self.routes[index].lone.waiting, <Reason>reason, now, most - failed)
        while failed < most and not self.blocked():
            self.bring_back(now)
            job = self.any_job(waited_s, now)
            if job is NULL:
                break
            job.started = min(job.started, self.scan_now(now))
            self.finish_unanswered(job, <Reason>reason, now)
            failed += 1         # no second pass: it would not be reached later either
        return failed

    cdef Job *any_job(self, double waited_s, double now) except? NULL:
        """One that waits, of any route."""
        cdef Job *job = pop(&self.pending)
        cdef int index
        for index in range(self.route_count if job is NULL else 0):
            job = pop(&self.routes[index].waiting)
            if job is NULL:
                job = self.newcomer(self.routes[index], now)
                if job is not NULL:
                    job.started -= min(waited_s, self.names.lines.waited_s())
            if job is not NULL:
                break
        return job
