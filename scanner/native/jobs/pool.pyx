# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""A job's life: taken, asked, tried again, finished. Every input line becomes one line for each type, exactly once.

It is given the time and knows nothing of connections. Of what it holds, the spool alone touches a file; the line writer
(the wall's, for field ts) and the line reader (when its input came) alone look at a clock.
"""

cimport cython
from libc.string cimport memcmp

from scanner.native.exchange cimport Exchange
from scanner.native.input.answered cimport Answered
from scanner.native.input.columns cimport Columns
from scanner.native.input.lines cimport LineReader
from scanner.native.input.names cimport NameReader
from scanner.native.jobs.books cimport UNFINISHED, Books
from scanner.native.jobs.closer cimport nothing
from scanner.native.jobs.deferral cimport Deferral
from scanner.native.jobs.fallback cimport StreamFallback
from scanner.native.jobs.job cimport pop
from scanner.native.jobs.retry cimport RetryQueue
from scanner.native.jobs.slots cimport JobSlots
from scanner.native.message.query cimport QueryForm
from scanner.native.output.buffer cimport LineBuffer
from scanner.native.output.formats import WRITERS
from scanner.native.output.writer cimport LineWriter
from scanner.native.verdict cimport CONNECTION, Reason

cdef enum:
    ATTEMPTS_MAX = 200


@cython.final
cdef class JobPool(JobReturner):
    """See the module. `classify_line(line) -> (text, d, reason, why)` is asked of each line that is not a plain name;
    `room_made()` is called when a chunk is used up. Lines that are `answered` are skipped. `spill()` opens the temporary
    file in which jobs may wait for their second pass; None: there is none. `index` is the engine's among `engines`. Where
    `columns` say that lines have a type, `type_of(octets)` is its number, 0 for none that can be asked, and `types` is the
    one of lines without. Times in seconds."""

    def __cinit__(self, LineBuffer buffer not None, types, *, classify_line, room_made, format="compact", type_tags=(),
                  fields=(), only=(), double deadline_s=10.0, int retries=2, int live_max=16384, bint special=False,
                  Answered answered=None, spill=None, Budget budget=None, int index=0, int engines=1, bint exports_fallback=False,
                  bint exports_retries=False, QueryForm asking=None, Columns columns=None, type_of=None):
        self.books = Books()
        self.asking = QueryForm() if asking is None else asking
        self.exchange = Exchange()
        self.writer = WRITERS[format](buffer, self.books, types, self.asking.form.qclass,
                                      list(type_tags) or [b""] * len(types), fields, only,
                                      columns is not None and columns.with_type)
        self.names = NameReader(LineReader(room_made), self.writer, self.books, types, classify_line, special, answered,
                                columns, type_of)
        self.slots = JobSlots(engines)
        self.retry = RetryQueue()
        self.deferral = Deferral(spill, self.slots, self.books, deadline_s, live_max)
        self.fallbacks = []
        self.exports_fallback, self.exports_retries = exports_fallback, exports_retries
        self.budget, self.index = budget, index
        self.deadline_s, self.live_max = deadline_s, live_max
        self.retries = min(retries, <int>ATTEMPTS_MAX)
        self.clock.held_since = -1
        self.described = nothing()

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
        """Drop all input that is not yet a job; jobs already started go on, to their first pass's end."""
        self.stopped = True
        self.cut_short = self.names.drop() or self.cut_short

    def leave(self) -> None:
        """A budget is used up: what is in flight has until its attempt ends; what is not, or fails then, is given back
        without a line (`unfinished`), so that another run may ask for it."""
        cdef StreamFallback fallback
        self.stop()
        self.leaving = True
        self.names.leave()
        self.drop_queue(&self.retry.waiting)
        self.drop_queue(&self.retry.lone.waiting)
        self.drop_queue(&self.outgoing)
        for fallback in filter(None, self.fallbacks):
            self.drop_queue(&fallback.waiting)
            self.drop_queue(&fallback.lone.waiting)
        self.books.entries[<int>UNFINISHED] += self.deferral.clear()

    def look_ahead(self) -> bool:
        """True when there is a job for a worker with room. Lines that are no names are dealt with here."""
        if self.blocked():
            return False
        return (len(self.retry) > 0 or (self.slots.live < self.live_max and self.names.at_hand())
                or (self.deferral.waits() and self.names.lines.ended and self.deferral.has_room()
                    and not self.is_hopeless()))

    @property
    def waits(self) -> bool:
        """True when jobs, or lines that may become some, wait to be asked."""
        return not self.blocked() and (len(self.retry) > 0 or self.outgoing.count > 0 or self.names.at_name
                                       or self.deferral.waits() or not self.names.lines.is_used_up)

    @property
    def backlog(self) -> int:
        """About how many jobs wait (12 octets a line); for deciding how many workers to wake."""
        return (len(self.retry) + (self.names.lines.octets_waiting + 11) // 12 + self.names.at_name
                + len(self.deferral))

    @property
    def done(self) -> bool:
        """True when the input has ended and every job has its line."""
        return (self.slots.live == 0 and not self.deferral.waits() and not self.names.at_name
                and self.names.lines.is_at_its_end)

    @property
    def live(self) -> int:
        """Jobs started and not yet written. Any thread may ask."""
        return self.slots.live

    # -- jobs to be asked ----------------------------------------------------------------------------------------

    cdef Job *take(self, int worker, int egress, int resolver, double now, bint fresh) except? NULL nogil:
        """A job to ask: one that failed elsewhere first, else the input's next; NULL when there is none now.
        `fresh`: the other way about."""
        cdef Job *job = NULL
        if self.is_behind():
            return NULL
        if self.deferral.waits() and self.names.lines.ended:
            self.recall(self.retry_queue(), now)
        if self.retry.waiting.count and not (fresh and self.slots.live < self.live_max and self.names.at_hand()):
            job = self.waiting_job(&self.retry.waiting, worker, egress, resolver, now)
        return job if job is not NULL else self.newcomer(now)

    cdef Job *take_lone(self, LoneQueue *lone, int worker, int egress, int resolver, double now,
                        bint fresh) except? NULL nogil:
        """A job that is to be asked alone; NULL when there is none for this worker, or what is `fresh` comes first."""
        if self.is_behind() or (fresh and self.slots.live < self.live_max and self.names.at_hand()):
            return NULL
        return self.waiting_job(&lone.waiting, worker, egress, resolver, now)

    cdef Job *waiting_job(self, Queue *queue, int worker, int egress, int resolver, double now) except? NULL nogil:
        """One that failed elsewhere and has time left."""
        cdef double clock = self.scan_now(now)
        cdef Job *job = self.retry.next_for(queue, worker, egress, resolver, now)
        while job is not NULL and clock >= job.deadline:
            self.fail_job(job, <Reason>job.reason, now)
            job = self.retry.next_for(queue, worker, egress, resolver, now)
        return job

    cdef Job *newcomer(self, double now) except? NULL nogil:
        """The input's next job; NULL when there is none now."""
        cdef Job *job
        cdef Job *twin
        if self.is_behind():
            return NULL
        while self.slots.live < self.live_max:
            if not self.names.at_hand():
                if self.deferral.waits() and self.is_hopeless():
                    self.write_deferred(now)
                return NULL
            job = self.start(now)
            twin = self.slots.newest[job.type_index]
            if twin is not NULL and twin.qname_length == job.qname_length and twin.qtype == job.qtype \
                    and memcmp(twin.qname, job.qname, job.qname_length) == 0:
                job.same = twin.same
                twin.same = job
                continue
            self.slots.newest[job.type_index] = job
            return job
        return NULL

    cdef Job *start(self, double now) except NULL nogil:
        """A slot with the name at hand."""
        cdef Job *job = self.slots.acquire()
        job.started = self.scan_now(now)
        job.deadline = job.started + self.deadline_s
        job.reason = CONNECTION
        job.without_edns = not self.asking.form.edns
        self.names.hand_out(job)
        return job

    # -- time ----------------------------------------------------------------------------------------------------

    def expire(self, double now) -> int:
        """Finish queued jobs whose deadline has passed, and those for which there is no second pass any more; returns how
        many of the former."""
        cdef StreamFallback fallback
        cdef double clock = self.scan_now(now)
        cdef int late = self.expire_queue(&self.retry.waiting, clock, now) + self.expire_queue(&self.outgoing, clock, now)
        late += self.expire_queue(&self.retry.lone.waiting, clock, now)
        for fallback in filter(None, self.fallbacks):
            late += self.expire_queue(&fallback.waiting, clock, now)
            late += self.expire_queue(&fallback.lone.waiting, clock, now)
        if self.deferral.waits() and self.is_hopeless():
            self.write_deferred(now)
        self.writer.set_epoch(now)
        return late

    def fail(self, int reason, double now, int most, double waited_s=0) -> int:
        """Nothing can be reached, for so many seconds: finish up to `most` waiting jobs with `reason`; returns how many.
        A name that was not asked yet has waited as long, or since it came."""
        cdef StreamFallback fallback
        cdef int failed = self.fail_queue(&self.outgoing, <Reason>reason, now, most)
        cdef Job *job
        for fallback in filter(None, self.fallbacks):
            failed += self.fail_queue(&fallback.waiting, <Reason>reason, now, most - failed)
            failed += self.fail_queue(&fallback.lone.waiting, <Reason>reason, now, most - failed)
        failed += self.fail_queue(&self.retry.lone.waiting, <Reason>reason, now, most - failed)
        while failed < most and not self.blocked():
            if self.deferral.waits() and self.names.lines.ended:
                self.recall(self.retry_queue(), now)
            job = pop(&self.retry.waiting)
            if job is NULL:
                job = self.newcomer(now)
                if job is NULL:
                    break
                job.started -= min(waited_s, self.names.lines.waited_s())
            job.started = min(job.started, self.scan_now(now))
            self.finish_unanswered(job, <Reason>reason, now)
            failed += 1         # no second pass: it would not be reached later either
        return failed
