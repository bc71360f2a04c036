"""The session: one connection's queries. Octets and `now` go in, octets and finished lines come out.

What answers a query of this connection is life; other octets are noise. An attempt that runs out on a connection on which
- noise came last (since the query was sent, and since the last answer): costs the job nothing, and the connection is given
  up if nothing was answered since the query was sent, or if nothing else is in flight; else it is asked nothing more until
  it answers something in flight;
- nothing came since the query was sent: spends an attempt; one query feels whether the connection is alive, and when that
  one meets silence too, the connection is given up; where that is the way of each connection after as many answers, no
  more are asked there (`fell_silent`);
- only answers to queries whose attempts had run out came since: spends an attempt, and fewer are asked;
- other queries sent were answered since: spends an attempt, and is the name's own affair.
So an answer that is whole within its attempt's time keeps a connection, however slowly it comes.

Servers limit connections: they do not accept those that are too many (unbound: more than 10), and the kernel has taken our
queries all the same. While others of its path are answered, a connection that never was is *turned away*:
- its jobs are asked on the others too, in good time (`find_stuck`), and the answer that comes first settles them;
- given up for its silence, it is no failure of the path, and its worker waits for a vacancy.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t

from scanner.native.exchange cimport Exchange
from scanner.native.frames cimport Tail
from scanner.native.jobs.fallback cimport StreamFallback
from scanner.native.jobs.job cimport Channel, Job, LoneQueue, Query
from scanner.native.jobs.pool cimport JobPool
from scanner.native.jobs.retry cimport Route
from scanner.native.message.query cimport COOKIE_NEW
from scanner.native.output.buffer cimport Span
from scanner.native.path cimport PathState
from scanner.native.stream_window cimport WINDOW_FAR, StreamWindow, widen
from scanner.native.tally cimport count_response

cdef enum:
    QUOTA_MAX = 4           # a server that closes after so few answers is taken to mean it
    OVERDUE = 64            # queries whose attempts ran out that are remembered: their answers are late, and no noise

cdef class Session:
    cdef JobPool pool
    cdef Exchange exchange              # the pool's
    cdef readonly StreamFallback fallback   # where its jobs come from, None = the pool
    cdef Route **routes                 # the pool's, of its path
    cdef int route_count
    cdef int turn_of                    # of these, whose job is taken next
    cdef readonly PathState path
    cdef readonly int worker
    cdef bytes tags                     # JSON of fields ns and p
    cdef Span tags_span                 # the same
    cdef double timeout_s
    cdef uint8_t cookie[COOKIE_NEW]     # the option, where one is sent
    cdef int cookie_size                # of that, 0 = none is sent
    cdef int frame_max                  # octets of its longest query, framed
    cdef StreamWindow win
    cdef Channel channel                # its queries in flight, those included that belong to no job any more
    cdef readonly int64_t sent, answered    # on this connection
    cdef bint answers                   # the connection is among `path.answering`
    cdef double sent_at                 # s, monotonic: the last query before the first answer
    cdef readonly int silent            # times that attempts ran out in silence since the last answer
    cdef readonly int strays            # messages that answered nothing in time
    cdef int strays_in_row              # of them: noise, since the last answer
    cdef int64_t answered_before        # `answered` when the last of them came
    cdef readonly bint noisy            # noise is all that comes: it is to be given up
    cdef int noise                      # attempts that ran out while noise came; kept where it is given up
    cdef bint unanswered                # of those in this `expire_queries`: one without an answer since it was sent
    cdef readonly bint smooth           # the window is full, no job waits for a retry, and there is room for lines
    cdef bint mute                      # attempts ran out in this `expire_queries`, nothing answered since they were sent
    cdef bint is_silent                 # the same, and nothing heard
    cdef readonly double heard_at       # s, monotonic: the last octet
    cdef double answered_at             # s, monotonic: the last answer in time
    cdef double late_at                 # s, monotonic: the last answer to a query whose attempt had run out
    cdef uint16_t overdue[OVERDUE]      # message IDs of such queries, 0 = empty: the newest ones
    cdef uint8_t overdue_at             # where the next goes
    cdef bint suspect                   # a job to which noise came was hurt before, or others of its path were answered
    cdef readonly bint excused          # the connection's end was a name's doing, not the path's
    cdef readonly bint turned_away      # it was silent to its end, while others of its path were answered
    cdef bint asks_alone                # a lone query was sent: nothing else is until it is over
    cdef public bint retires            # nothing more is sent: it ends when what is in flight has been answered
    cdef bint makes_way                 # nothing more is sent: a new connection is to take a lone job's query
    cdef Tail tail
    cdef readonly object connection     # what carries it while it is open, for the caller of `expire_queries`

    cpdef bytes fill(self, double now)
    cpdef int receive(self, bytes octets, double now) except -1
    cdef void reopen_window(self) noexcept
    cdef int room_now(self) noexcept
    cdef bint is_apart(self) noexcept
    cdef int room_unless_way_is_made(self, int room, double now) noexcept
    cdef inline LoneQueue *lone(self) noexcept:
        """Of the place where its jobs come from; of several, of the first where one waits."""
        cdef int index
        if self.fallback is not None:
            return &self.fallback.lone
        for index in range(1, self.route_count if self.routes[0].lone.waiting.count == 0 else 0):
            if self.routes[index].lone.waiting.count:
                return &self.routes[index].lone
        return &self.routes[0].lone

    cdef inline bint retries_wait(self) noexcept:
        cdef int index
        for index in range(self.route_count):
            if self.routes[index].waiting.count or self.routes[index].lone.waiting.count:
                return True
        return False

    cdef Job *lone_job(self, double now) except? NULL
    cdef Job *next_job(self, double now) except? NULL
    cdef Job *next_of_routes(self, double now) except? NULL
    cdef Job *stuck_job(self, double now) except? NULL
    cdef Job *job_to_share(self) noexcept
    cdef int ask(self, Job *job, uint8_t *at, double now, double clock) except -1
    cdef const uint8_t *warm(self, const uint8_t *at, Py_ssize_t left) noexcept
    cdef int answer(self, const uint8_t *message, Py_ssize_t length, double now) except -1
    cdef int understand(self, Query *query, const uint8_t *message, Py_ssize_t length, double now) except -1
    cdef inline void count_answer(self, double rtt) noexcept:
        """A query in flight was answered."""
        if not self.answers:
            self.answers = True
            self.path.answering += 1
        self.answered += 1
        if self.answered > QUOTA_MAX:
            self.path.short_ends = 0
        if 0 < self.path.quota < self.answered:     # so that is not the server's way with each
            self.path.quota = 0
        if self.answered > self.path.most_answered:
            self.path.most_answered, self.path.silences = self.answered, 0
        count_response(self.path.counts(), rtt)
        widen(&self.win, rtt, self.timeout_s)

    cdef int is_stray(self, uint16_t message_id, double now) except -1
    cdef bint ran_out(self, Query *query, double now) noexcept
    cdef int slow_down(self) except -1
    cdef LoneQueue *lone_of(self, const Job *job) noexcept
    cdef bint holds_suspect(self) noexcept
    cdef bint is_suspect(self, const Job *job) noexcept
