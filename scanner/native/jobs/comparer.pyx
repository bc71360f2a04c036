# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Asking random names, and the verdicts that wait for them."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from scanner.native.jobs.books cimport RANDOM_NAMES, UNCOMPARED
from scanner.native.jobs.closer cimport nothing
from scanner.native.jobs.job cimport CAUSE_COMPARED, ROLE_LINE, ROLE_RANDOM, ROLE_UNCOMPARED, ROLE_WAITS, Queue, pop, push
from scanner.native.jobs.parents cimport PARENT_PLAIN, PARENT_UNKNOWN, PARENT_WILD, is_same_answer, learn_answer
from scanner.native.jobs.retry cimport Route
from scanner.native.memory cimport checked_alloc
from scanner.native.message.fingerprint cimport take_fingerprint
from scanner.native.message.name cimport QNAME_MAX
from scanner.native.random cimport draw
from scanner.native.verdict cimport CONNECTION, NONE, REFERRAL, TAKEN, WILDCARD

cdef enum:
    PARENTS_KEPT = 65536        # by an engine, of types and names above others
    SUFFIXES_KEPT = 4096        # the same, of suffixes
    FIRST = 2                   # random names at first,
    MORE = 6                    # where a name gets something else than they did,
    SETTLED = 6                 # until so many in a row have brought nothing new,
    ASKED_MAX = 24              # or so many were asked
    DIGITS = 24                 # of a random name's first label (a canary's: paths/canary.py),
    DIGITS_LEAST = 8            # where there is room for no more
cdef const double AGAIN_S = 5   # before a parent whose random names got no answer is tried again


cdef inline bint is_settled(const Parent *parent) noexcept nogil:
    """What the wildcard answers is known as well as it will be."""
    return parent.settled >= SETTLED or parent.asked >= ASKED_MAX


cdef class JobComparer(JobCloser):
    """The part of a JobPool that compares; it knows nothing of attempts."""

    def begin_comparing(self, str compared not None) -> None:
        """What is "suffixes", "parents" or "" (nothing)."""
        if compared:
            self.of_suffixes = compared == "suffixes"
            self.parents = Parents(SUFFIXES_KEPT if self.of_suffixes else PARENTS_KEPT)
            memcpy(&self.seed, draw(&self.exchange.random, 8), 8)

    # -- a name that exists ------------------------------------------------------------------------------------------

    cdef bint waits_to_be_compared(self, Job *job, int at, Outcome *outcome, const Response *response, const uint8_t *message,
                                   Py_ssize_t length, double spent, Span tags, double now) except -1 nogil:
        """The job's name exists; its parent begins at `at`. True when its line is written later; else with the reason
        that `outcome` has then."""
        cdef Parent *parent
        cdef Fingerprint found
        if outcome.reason == REFERRAL:                  # a delegation is of this name alone
            return False
        parent = self.parents.find_of(job, at, self.seed)
        if parent.state == PARENT_PLAIN:
            return False
        self.now = now
        if parent.again_at and parent.state == PARENT_UNKNOWN:
            if parent.asking == 0 and self.scan_now(now) >= parent.again_at:
                self.ask_beside(parent, job, FIRST)
            self.uncompared(job)
            return False
        self.fingerprint_of(job, response, message, length, &found)
        if parent.state == PARENT_WILD:
            if is_same_answer(parent, found.items, found.count):
                outcome.reason = WILDCARD
                return False
            if is_settled(parent):
                return False
        if parent.asking == 0 and not self.ask_beside(parent, job, MORE if parent.state == PARENT_WILD else FIRST):
            self.uncompared(job)
            return False
        self.keep_waiting(job, parent, outcome.reason, &found, message, length, spent, tags)
        return True

    cdef int fingerprint_of(self, const Job *job, const Response *response, const uint8_t *message, Py_ssize_t length,
                            Fingerprint *found) noexcept nogil:
        take_fingerprint(message, length, job.qname, job.qname_length, job.qtype, self.asking.form.qclass, response,
                         self.seed, found)
        return 0

    cdef int keep_waiting(self, Job *job, Parent *parent, Reason reason, const Fingerprint *found, const uint8_t *message,
                          Py_ssize_t length, double spent, Span tags) except -1 nogil:
        """Keep of the answer what the line needs; the message is the caller's."""
        cdef Py_ssize_t items = found.count * sizeof(uint64_t)
        cdef Compared *kept
        if not self.writer.details.wanted or not self.writer.keeps(TAKEN):
            length = 0
        kept = <Compared *>checked_alloc(malloc(sizeof(Compared) + items + tags.length + length))
        kept.spent, kept.at, kept.reason, kept.count, kept.length = spent, self.now, reason, found.count, length
        kept.items = <uint64_t *>(kept + 1)
        kept.tags.octets, kept.tags.length = <char *>kept.items + items, tags.length
        kept.message = <uint8_t *>kept.items + items + tags.length
        memcpy(kept.items, found.items, items)
        memcpy(<char *>kept.tags.octets, tags.octets, tags.length)
        memcpy(kept.message, message, length)
        job.role, job.beside = ROLE_WAITS, kept
        push(&parent.waiting, job)
        return 0

    cdef int finish_compared(self, Job *job, bint is_same, bint is_known) except -1 nogil:
        """Write the line of one that has waited."""
        cdef Compared *kept = <Compared *>job.beside
        cdef Span details = nothing()
        job.role = ROLE_LINE
        if kept.length:
            details = self.describe(job, kept.message, kept.length)
        if not (is_same or is_known):
            self.uncompared(job)
        self.writer.remark = nothing()
        try:
            return self.finish(job, TAKEN, WILDCARD if is_same else kept.reason, kept.spent, kept.tags, details, kept.at)
        finally:
            free(kept)

    cdef void uncompared(self, Job *job) noexcept nogil:
        """Its line says no more than its answer, and so do those of jobs that are the same."""
        while job is not NULL:
            job.role = ROLE_UNCOMPARED
            self.books.add(UNCOMPARED)
            job = job.same

    cdef Span describe(self, const Job *job, const uint8_t *message, Py_ssize_t length) noexcept nogil:
        """The JSON of the fields of its response, good until the next."""
        return self.writer.details.json(message, length, job.qname, job.qname_length, job.qtype)

    # -- random names ------------------------------------------------------------------------------------------------

    cdef bint ask_beside(self, Parent *parent, const Job *like, int count) except -1 nogil:
        """Have so many random names asked below the parent of a job; False where that cannot be."""
        cdef int at = parent_at(like, self.of_suffixes)
        if self.leaving or (self.budget is not None and self.budget.is_taken()) \
                or QNAME_MAX - 1 - (like.qname_length - at) < DIGITS_LEAST or self.routes[like.route].nowhere != NONE:
            return False
        parent.asking = <uint8_t>count
        while count:
            self.begin_random(self.random_job(parent, like, at), like)
            count -= 1
        return True

    cdef Job *random_job(self, Parent *parent, const Job *like, int at) except NULL nogil:
        """One of them; it has the time that is left to the other."""
        cdef Job *job = self.slots.acquire()
        cdef int above = like.qname_length - at, digits = min(<int>DIGITS, QNAME_MAX - 1 - above), index
        cdef const uint8_t *octets = draw(&self.exchange.random, DIGITS)
        job.role, job.beside = ROLE_RANDOM, parent
        job.d, job.line = NULL, 0
        job.d_length = job.m_length = 0
        job.dot, job.qtype, job.type_index = False, like.qtype, like.type_index
        job.qname[0] = <uint8_t>digits
        for index in range(digits):
            job.qname[1 + index] = b"0123456789abcdef"[octets[index] & 15]
        memcpy(job.qname + 1 + digits, like.qname + at, above)
        job.qname_length = <uint8_t>(1 + digits + above)
        job.reason, job.without_edns = CONNECTION, not self.asking.form.edns
        job.started, job.deadline, job.queued_at = self.scan_now(self.now), like.deadline, self.now
        job.route = like.route
        self.books.add(RANDOM_NAMES)
        return job

    cdef int begin_random(self, Job *job, const Job *like) except -1 nogil:
        """Have it asked as the other was (JobReturner)."""
        with gil:
            raise NotImplementedError

    cdef int random_answered(self, Job *job, const Outcome *outcome, const Response *response, const uint8_t *message,
                             Py_ssize_t length, double now) except -1 nogil:
        cdef Parent *parent = <Parent *>job.beside
        cdef Fingerprint found
        self.now = now
        if outcome.verdict == TAKEN and outcome.reason != REFERRAL:
            self.fingerprint_of(job, response, message, length, &found)
            learn_answer(parent, &found)
        else:
            parent.denied += 1
            parent.settled += 1
        return self.random_over(job)

    cdef int random_failed(self, Job *job) except -1 nogil:
        """It got no answer."""
        return self.random_over(job)

    cdef int random_moved(self, Job *job) except -1 nogil:
        """It is another engine's to ask, whose answers are compared there."""
        cdef Parent *parent = <Parent *>job.beside
        parent.moved, parent.by_stream = True, parent.by_stream or job.by_stream
        return self.random_over(job)

    cdef int move(self, Job *job, const Parent *parent) except -1 nogil:
        """Have one that has waited asked there too; its answer is forgotten."""
        free(job.beside)
        job.role, job.beside = ROLE_LINE, NULL
        job.by_stream, job.stream_cause = parent.by_stream, CAUSE_COMPARED
        push(&self.outgoing, job)
        return 0

    cdef int random_over(self, Job *job) except -1 nogil:
        cdef Parent *parent = <Parent *>job.beside
        job.role = ROLE_LINE
        self.slots.release(job)
        parent.asked += 1
        parent.asking -= 1
        return 0 if parent.asking else self.settle_parent(parent)

    cdef int settle_parent(self, Parent *parent) except -1 nogil:
        """All of them are over: of the jobs that wait, those that are still in doubt wait for more."""
        cdef Queue waiting = parent.waiting
        cdef Queue doubtful
        cdef Job *job = pop(&waiting)
        cdef Compared *kept
        cdef bint is_same, moves = parent.moved and not (self.leaving or self.stopped)
        parent.state = PARENT_WILD if parent.item_count else PARENT_PLAIN if parent.denied else PARENT_UNKNOWN
        if parent.state == PARENT_UNKNOWN:
            parent.again_at, parent.asked = 0 if moves else self.scan_now(self.now) + AGAIN_S, 0
        doubtful.first, doubtful.count = NULL, 0
        while job is not NULL:
            kept = <Compared *>job.beside
            is_same = parent.state == PARENT_WILD and is_same_answer(parent, kept.items, kept.count)
            if moves and not is_same and parent.state != PARENT_PLAIN and job.stream_cause != CAUSE_COMPARED:
                self.move(job, parent)
            elif is_same or parent.state != PARENT_WILD or is_settled(parent):
                self.finish_compared(job, is_same, parent.state != PARENT_UNKNOWN)
            else:
                push(&doubtful, job)
            job = pop(&waiting)
        parent.waiting = doubtful
        parent.moved = parent.by_stream = False
        if doubtful.count and not self.ask_beside(parent, doubtful.first, MORE):
            job = pop(&parent.waiting)
            while job is not NULL:
                self.finish_compared(job, False, False)
                job = pop(&parent.waiting)
        return 0
