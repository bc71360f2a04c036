# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The hand-over of jobs between engines. A job that is away still counts as alive where it came from, until the engine
that has it says that it is finished (`acknowledge`): so the bound on jobs alive holds for both together."""

cimport cython
from libc.stdint cimport uint16_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from scanner.native.jobs.fallback cimport StreamFallback
from scanner.native.jobs.job cimport CAUSE_CASE, CAUSE_COMPARED, CAUSE_COOKIE, CAUSE_SIZE, ROLE_RANDOM, StreamCause, pop, push
from scanner.native.jobs.pool cimport JobPool
from scanner.native.jobs.retry cimport Route
from scanner.native.memory cimport checked_alloc
from scanner.native.verdict cimport TRUNCATED, Reason

cdef enum:
    DRAINED_AT_ONCE = 1024      # jobs in one transfer
    FREE_MAX = 10               # returns that cost a job no attempt


@cython.final
cdef class Transfer:
    """Made by `export_jobs`, emptied by `import_jobs`; what is not imported is freed with it."""

    def __dealloc__(self):
        cdef Job *job = self.first_of()
        cdef Job *same
        while job is not NULL:
            while job is not NULL:
                same = job.same
                free(job.d)
                free(job)
                job = same
            job = self.first_of()

    cdef int add(self, const Job *job, int origin) except -1 nogil:
        """Copy a job and those that are the same; their JSON texts are the copies' from now on."""
        cdef Job *copy = NULL
        cdef Job **place = &copy
        while job is not NULL:
            place[0] = <Job *>checked_alloc(malloc(sizeof(Job)))
            memcpy(place[0], job, sizeof(Job))
            place[0].origin = <uint16_t>(origin + 1)
            place[0].same = place[0].next = NULL
            place = &place[0].same
            job = job.same
            self.count += 1
        if self.first is NULL:
            self.first = copy
        else:
            self.last.next = copy
        self.last = copy
        return 0

    cdef Job *first_of(self) noexcept nogil:
        """Take the first job out, with those that are the same; NULL when none is left."""
        cdef Job *job = self.first
        if job is not NULL:
            self.first = job.next
        return job


def export_jobs(JobPool pool not None, double now) -> Transfer | None:
    """What another engine is to ask, None when that is nothing."""
    cdef Transfer transfer
    cdef Job *job
    gather(pool, now)
    if pool.outgoing.count == 0:
        return None
    transfer = Transfer()
    job = pop(&pool.outgoing)
    while job is not NULL:
        if job.role == ROLE_RANDOM:             # for jobs that wait here, and then are to go there too
            pool.random_moved(job)
        else:
            transfer.add(job, pool.index)
            send_away(pool, job)
        job = pop(&pool.outgoing)
    return transfer if transfer.count else None


cdef int gather(JobPool pool, double now) except -1:
    """Have in `outgoing` what waits here and is to be tried again elsewhere and, where this engine drains, the input's
    next jobs."""
    cdef int index
    if pool.exports_retries and pool.deferral.waits() and pool.names.lines.ended:
        if pool.is_hopeless():
            pool.write_deferred(now)
        pool.recall(now)
    if pool.is_doubted():
        pool.ask_again(DRAINED_AT_ONCE if pool.exports_retries or pool.drains else 16, now)
    for index in range(pool.route_count if pool.exports_retries or pool.left_out else 0):
        if pool.routes[index].elsewhere and (pool.exports_retries or not pool.routes[index].here):
            gather_route(pool, pool.routes[index], now)
    return 0


cdef int gather_route(JobPool pool, Route *route, double now) except -1:
    """The same for one route, which another engine has resolvers of."""
    cdef Job *job
    while route.waiting.count:
        push(&pool.outgoing, pop(&route.waiting))
    while route.lone.waiting.count:
        push(&pool.outgoing, pop(&route.lone.waiting))
    while (pool.drains or not route.here) and pool.outgoing.count < DRAINED_AT_ONCE and not pool.blocked():
        job = pool.newcomer(route, now)
        if job is NULL:
            return 0
        push(&pool.outgoing, job)
    return 0


cdef void send_away(JobPool pool, Job *job) noexcept:
    """The slots of a job and of those that are the same are free; the jobs still count as alive."""
    cdef Job *same
    while job is not NULL:
        same = job.same
        job.d = NULL                            # the copy's
        pool.slots.release(job)
        pool.slots.live += 1
        pool.slots.away += 1
        job = same


def import_jobs(JobPool pool not None, Transfer transfer not None, double now) -> None:
    """Jobs of another engine: to be asked over a stream where that is what they need, else as those that have failed."""
    cdef Job *copy = transfer.first_of()
    cdef Job *first
    cdef Job **place
    cdef Job *slot
    cdef Job *same
    while copy is not NULL:
        place = &first
        while copy is not NULL:
            same = copy.same
            slot = pool.slots.acquire()
            memcpy(slot, copy, sizeof(Job))
            slot.same = NULL
            slot.queued_at = now
            pool.slots.second_live += slot.second
            free(copy)
            place[0] = slot
            place = &slot.same
            copy = same
        if pool.leaving:
            pool.give_up(first)
        elif first.by_stream and not pool.exports_fallback:
            pool.by_stream(first, <StreamCause>first.stream_cause)
        else:
            first.by_stream = False
            pool.take_in(first, now)
        copy = transfer.first_of()


def acknowledge(JobPool pool not None, int finished) -> None:
    """Of the jobs that are away, so many are finished."""
    pool.slots.live -= finished
    pool.slots.away -= finished


def give_back(JobPool pool not None, StreamFallback fallback not None, int reason, double now, *, bint elsewhere) -> None:
    """No stream could be opened for these jobs. One that a datagram cannot hold is over, unless there is another resolver
    (`elsewhere`). One whose answer was doubted costs no attempt: its engine learns from it that there is no stream."""
    cdef Job *job
    cdef bint is_doubted
    while fallback.lone.waiting.count:
        push(&fallback.waiting, pop(&fallback.lone.waiting))
    while fallback.waiting.count:
        job = fallback.next()
        if job.stream_cause == CAUSE_SIZE and not elsewhere:
            pool.fail_job(job, TRUNCATED, now)
        else:
            is_doubted = job.stream_cause in (CAUSE_CASE, CAUSE_COOKIE, CAUSE_COMPARED)
            job.stream_failed = True
            pool.retry_or_fail(job, <Reason>reason, not is_doubted or job.requeues >= FREE_MAX, now)
