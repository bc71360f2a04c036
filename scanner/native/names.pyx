# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""The names between input and output. Every input line becomes one line for each type, exactly once.

Chunks of input go in by `feed`, sessions `take` names and give them back by `again` or `finish`, and finished lines
stand in `lines`. It does no I/O, reads no clock, and knows nothing of connections.
"""

import time
from collections import deque

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memset, strlen

from scanner.model import REASONS
from scanner.native.answered cimport Answered
from scanner.native.line cimport Lines, Text, put_number, put_text, sure, text_of
from scanner.native.name cimport (
    BADRESP, CNAME_NX, CONNECTION, ERROR, FORMERR, NODATA, NONE, NOTIMP, NXDOMAIN, PROXY, RCODE, REASON_COUNT, REFUSED,
    SERVFAIL, TAKEN, TIMEOUT, Name, Queue, Reason, Verdict, pop, push,
)
from scanner.native.spool cimport Spool
from scanner.native.wire cimport qname_from_text, text_from_qname

cdef extern from "<strings.h>" nogil:
    int strncasecmp(const char *one, const char *other, size_t count)

DEF LOOK_AHEAD = 16         # queued names that a worker looks through for one it did not try itself
DEF LEAST_S = 0.05          # of its deadline that a second pass needs
DEF SLOWER = 4              # the second pass has so many times fewer names live
DEF PATIENCE_S = 0.25       # after which a queued name may go back to where it failed

cdef list KEPT = []         # octets of the texts below
cdef Text REASON_TEXTS[REASON_COUNT]
cdef Text WHY[REASON_COUNT]
cdef Text NOTHING
NOTHING.octets, NOTHING.length = b"", 0
cdef int reason_index
for reason_index, (reason_text, why_text) in enumerate(zip(REASONS, (
    "", "the resolver answered SERVFAIL", "the resolver refused", "the resolver found our query malformed",
    "the resolver does not implement this", "the resolver answered with an unusual RCODE",
    "no answer in time", "the connection closed or could not be made", "the proxy could not be used",
    "TLS failed", "the answer is malformed or contradicts itself", "not a name",
    "the name is an alias whose target does not exist", "the name exists, the type does not",
    "special-use (RFC 6761)",
), strict=True)):
    KEPT.append((reason_text.encode(), why_text.encode()))
    REASON_TEXTS[reason_index], WHY[reason_index] = text_of(KEPT[reason_index][0]), text_of(KEPT[reason_index][1])

cdef const char *SPECIAL_LABELS[7]
SPECIAL_LABELS[:] = [b"alt", b"test", b"arpa", b"local", b"onion", b"invalid", b"localhost"]


cdef class Aside:
    """The names of one resolver that were put aside, seen by a crew as it sees Names."""

    def __init__(self, Names names, int index):
        self.names, self.index = names, index

    cdef Name *next(self) noexcept:
        return pop(&self.names.sides[self.index].waiting)

    @property
    def lines(self) -> Lines:
        """The sheet of finished lines, shared with all."""
        return self.names.lines

    @property
    def available(self) -> bool:
        """True when a stream may take a name."""
        return self.backlog > 0 and not self.names.blocked()

    @property
    def backlog(self) -> int:
        """How many names wait."""
        return self.names.sides[self.index].waiting.count

    @property
    def queued(self) -> int:
        """The same: what is here has been tried before."""
        return self.backlog

    def give_back(self, int reason, double now) -> None:
        """No stream could be opened: each name has spent an attempt, and may be tried anywhere."""
        cdef Name *name = self.next()
        while name is not NULL:
            self.names.again(name, <Reason>reason, True, now)
            name = self.next()


cdef class Names:
    """See the module. `judge(line) -> (text, d, reason, why)` is asked of each line that is not a plain name;
    `room_made()` is called when a chunk is used up; `describe(message) -> bytes` gives the JSON of fields
    a, sec and fl, or is None. Lines that are `answered` are skipped. `spill()` opens the temporary file in which names
    may wait for their second pass; None: there is none. Times in seconds."""

    def __init__(self, Lines lines, types, *, judge, room_made, type_tags=(), describe=None, fields=(),
                 double deadline_s=10.0, int retries=2, int live_max=16384, bint special=False, bint lends=False,
                 Answered answered=None, spill=None, int64_t query_max=0):
        cdef int index
        if not 0 < len(types) <= TYPES_MAX:
            raise ValueError(f"1 to {TYPES_MAX} types")
        self.lines = lines
        self.judge = judge
        self.room_made = room_made
        self.chunks = deque()
        self.type_count = len(types)
        for index in range(self.type_count):
            self.types[index] = types[index]
            self.newest[index] = NULL
        self.type_tags = list(type_tags) or [b""] * self.type_count
        for index in range(self.type_count):
            self.tags[index] = text_of(self.type_tags[index])
        self.describe = describe
        self.with_details = describe is not None
        self.with_line, self.with_why, self.with_time = "n" in fields, "why" in fields, "ts" in fields
        self.deadline_s = deadline_s
        self.retries = min(retries, 200)
        self.live_max = live_max
        self.special, self.lends = special, lends
        self.answered, self.query_max = answered, query_max
        self.spool = None if spill is None else Spool(spill)
        self.second_max = max(live_max // SLOWER, 1)
        self.workers = self.exits = self.resolvers = 1
        self.epoch = time.time() - time.monotonic()
        self.held_since = -1

    def __dealloc__(self):
        cdef Block *block
        cdef int index
        while self.blocks is not NULL:
            block = self.blocks
            self.blocks = block.next
            for index in range(BLOCK):
                free(block.names[index].d)
            free(block)
        free(self.sides)

    # -- input ---------------------------------------------------------------------------------------------------

    def feed(self, bytes chunk not None, int64_t before=-1) -> None:
        """More input, cut anywhere. `before`: so many lines of the input came before it, and none is torn; -1: it goes
        on where the last chunk ended."""
        if not self.ended and chunk:
            self.chunks.append((chunk, before))

    def end(self) -> None:
        """The end of input, behind the last chunk: what is left then is the last line."""
        if not (self.ended or self.ending):
            self.ending = True
            self.chunks.append((b"", -1))

    @property
    def chunks_waiting(self) -> int:
        """How many chunks have not been begun."""
        return len(self.chunks)

    @property
    def octets_cut(self) -> int:
        """Octets of the input that were cut into lines. Any thread may ask: a chunk changes under the GIL only."""
        return self.begun - (self.chunk_end - self.at)

    def stop(self) -> None:
        """Drop all input that is not yet a name; names already started go on, to their first pass's end."""
        self.stopped = True
        if self.at_name and self.type_at == 0:          # cut, but nothing of it was asked: as if it had not been read
            self.at_name = False
            self.cut_short = True
            self.read -= 1
            self.expected -= 1
        self.cut_short = self.cut_short or self.at != self.chunk_end or self.carried > 0 \
            or any(chunk for chunk, _ in self.chunks)
        self.chunks.clear()
        self.at = self.chunk_end
        self.carried = 0
        self.ended = True

    def close(self) -> None:
        """The scan has ended: free the temporary file, whoever still holds these names."""
        if self.spool is not None:
            self.spool.close()

    def leave(self) -> None:
        """A budget is used up: what is in flight has until its attempt ends; what is not, or fails then, is given back
        without a line (`unfinished`), so that another run may ask for it."""
        cdef int index
        self.stop()
        self.leaving = True
        if self.at_name:
            self.unfinished += 1
            while self.next_type():
                self.unfinished += 1
            self.at_name = False
        self.drop(&self.waiting)
        self.drop(&self.outgoing)
        for index in range(self.side_count):
            self.drop(&self.sides[index].waiting)
        if self.spool is not None:
            self.unfinished += self.spool.count
            self.spool.clear()

    cdef void drop(self, Queue *queue) noexcept nogil:
        cdef Name *name = pop(queue)
        while name is not NULL:
            self.give_up(name)
            name = pop(queue)

    cdef void give_up(self, Name *name) noexcept nogil:
        """No line for this name, nor for those that were the same."""
        cdef Name *same
        while name is not NULL:
            same = name.same
            self.forget(name)
            self.unfinished += 1
            name = same

    cdef bint cut(self) except -1 nogil:
        """Cut the next line at 0x0A into line_octets; False when no whole line is here."""
        cdef const uint8_t *newline
        cdef Py_ssize_t size, keep
        while True:
            if self.at == self.chunk_end and not self.next_chunk():
                if self.ended and self.carried:
                    break
                return False
            newline = <const uint8_t *>memchr(self.at, 10, self.chunk_end - self.at)
            size = (newline if newline is not NULL else self.chunk_end) - self.at
            if newline is not NULL and self.carried == 0:
                self.line_octets = self.at
                self.line_length = size
                self.at = newline + 1
                self.line += 1
                return True
            keep = min(size, LINE_MAX + 1 - self.carried)
            memcpy(self.carry + self.carried, self.at, keep)
            self.carried += keep
            self.at += size
            if newline is not NULL:
                self.at += 1
                break
            if self.carried == 0:       # an empty tail: nothing to carry
                continue
        self.line_octets = self.carry
        self.line_length = self.carried
        self.carried = 0
        self.line += 1
        return True

    cdef bint next_chunk(self) except -1 with gil:
        """Have the next chunk under the cursor; False when none is here."""
        cdef int64_t before
        if not self.chunks:
            return False
        if not self.chunks[0][0]:
            self.ended = True
            self.chunks.clear()
            return False
        self.chunk, before = self.chunks.popleft()
        if before >= 0:
            self.line = before
        self.begun += len(self.chunk)
        self.at = self.chunk
        self.chunk_end = self.at + len(self.chunk)
        self.room_made()
        return True

    cdef bint next_name(self) except -1 nogil:
        """The next line that holds a name worth asking, into self.qname; others are counted or written here."""
        cdef const uint8_t *text
        cdef Py_ssize_t length
        while self.lines.used < self.lines.limit and self.cut():
            text, length = self.line_octets, self.line_length
            self.read += 1
            if self.line == 1 and length >= 3 and memcmp(text, b"\xef\xbb\xbf", 3) == 0:
                text, length = text + 3, length - 3
            if length <= LINE_MAX:
                while length and (text[0] == 32 or text[0] == 9 or text[0] == 13):
                    text, length = text + 1, length - 1
                while length and (text[length - 1] == 32 or text[length - 1] == 9 or text[length - 1] == 13):
                    length -= 1
                if length == 0 or text[0] == b"#":
                    self.blank += 1
                    continue
            self.type_at = -1
            if not self.next_type():
                continue                                # all of it was answered in an earlier run
            self.d_length = -1
            self.qname_length = qname_from_text(text, length, self.qname)
            self.dot = self.qname_length > 0 and text[length - 1] == b"."
            if self.qname_length == 0 or self.needs_judging(text, length):
                if not self.judged(text, length):
                    continue
            return True
        return False

    cdef bint next_type(self) noexcept nogil:
        """The next type for which the present line has no result yet; False when there is none."""
        self.type_at += 1
        while self.type_at < self.type_count:
            if self.answered is None or not self.answered.has(self.line, self.type_at):
                self.expected += 1
                return True
            self.skipped += 1
            self.type_at += 1
        return False

    cdef bint needs_judging(self, const uint8_t *text, Py_ssize_t length) noexcept nogil:
        """True for a plain name whose last label begins with a digit (an IP address?) or may be special-use."""
        cdef Py_ssize_t end = length - 1 if self.dot else length
        cdef Py_ssize_t at = end
        while at > 0 and text[at - 1] != b".":
            at -= 1
        if 48 <= text[at] <= 57:
            return True
        if not self.special or end - at > 9:
            return False
        for label in SPECIAL_LABELS:
            if strlen(label) == <size_t>(end - at) and strncasecmp(label, <const char *>text + at, end - at) == 0:
                return True
        return False

    cdef bint judged(self, const uint8_t *text, Py_ssize_t length) except -1 with gil:
        """Let Python say what the line is; True when there is a name to ask, False when its lines were written."""
        name, d, reason, why = self.judge(<bytes>text[:length])
        if reason:
            self.write_bad(d, reason, why)
            return False
        self.d = d
        if d is not None:
            self.d_length = len(d)
            self.dot = False
        if name == b".":
            self.qname[0] = 0
            self.qname_length = 1
        else:
            self.qname_length = qname_from_text(name, len(name), self.qname)
        if self.qname_length == 0:
            raise ValueError(f"judged to be a name, but is not: {name!r}")
        return True

    # -- names to sessions and back ------------------------------------------------------------------------------

    cdef double scan_now(self, double now) noexcept nogil:
        return (now if self.held_since < 0 else self.held_since) - self.held

    cdef bint blocked(self) noexcept nogil:
        return (self.lines.behind or self.lines.used >= self.lines.limit
                or (self.query_max > 0 and self.queries >= self.query_max))

    @property
    def deferred(self) -> int:
        """How many names wait for the second pass."""
        return 0 if self.spool is None else self.spool.count

    @property
    def queued(self) -> int:
        """How many names wait to be tried again."""
        return self.waiting.count

    @property
    def available(self) -> bool:
        """True when there is a name for a worker with room; lines that are none are dealt with here."""
        if self.blocked():
            return False
        return (self.waiting.first is not NULL or (self.live < self.live_max and self.at_hand())
                or (self.deferred and self.ended and self.live < self.second_max and not self.hopeless()))

    @property
    def backlog(self) -> int:
        """About how many names wait (12 octets a line); for deciding how many workers to wake."""
        cdef Py_ssize_t octets = (self.chunk_end - self.at) + sum(len(chunk) for chunk, _ in self.chunks) + self.carried
        return self.waiting.count + (octets + 11) // 12 + self.at_name + self.deferred

    @property
    def done(self) -> bool:
        """True when the input has ended and every name has its line."""
        if self.ending and not self.ended and self.at == self.chunk_end:
            self.next_chunk()
        return (self.ended and self.live == 0 and self.deferred == 0 and not self.at_name
                and self.at == self.chunk_end and not self.chunks and self.carried == 0)

    cdef bint at_hand(self) except -1 nogil:
        """Have a name in self.qname, from the next line if need be."""
        if not self.at_name:
            self.at_name = self.next_name()
        if not self.at_name and self.spool is not None and self.spool.count and self.hopeless():
            self.write_deferred()
        return self.at_name

    cdef bint take(self, Name **taken, int worker, int exit, int resolver, double now, bint fresh) except -1 nogil:
        """A name to ask: one that failed elsewhere first, else the input's next; False when there is none now.
        `fresh`: the other way about."""
        taken[0] = NULL
        self.latest = now
        if self.blocked():
            return False
        if self.ended and self.spool is not None:
            self.recall(now)
        if not (fresh and self.live < self.live_max and self.at_hand()):
            taken[0] = self.requeued_name(worker, exit, resolver, now)
        return taken[0] is not NULL or self.newcomer(taken, now)

    cdef bint newcomer(self, Name **taken, double now) except -1 nogil:
        """The input's next name; False when there is none now."""
        cdef Name *name
        cdef Name *twin
        cdef int index
        taken[0] = NULL
        if self.blocked():
            return False
        while self.live < self.live_max and self.at_hand():
            index = self.type_at
            name = self.started(now)
            self.at_name = self.next_type()
            twin = self.newest[index]
            if twin is not NULL and twin.qname_length == name.qname_length \
                    and memcmp(twin.qname, name.qname, name.qname_length) == 0:
                name.same = twin.same
                twin.same = name
                continue
            self.newest[index] = name
            taken[0] = name
            return True
        return False

    cdef Name *requeued_name(self, int worker, int exit, int resolver, double now) noexcept nogil:
        """The first queued name that this worker is elsewhere for: another exit and resolver where there are any."""
        cdef Name *before = NULL
        cdef Name *name = self.waiting.first
        cdef int looked = 0
        while name is not NULL and looked < LOOK_AHEAD:
            if now - name.sent > PATIENCE_S or (
                    (self.exits < 2 or name.exit != exit) and (self.resolvers < 2 or name.resolver != resolver)
                    and (self.workers < 2 or name.worker != worker)):
                if before is NULL:
                    self.waiting.first = name.next
                else:
                    before.next = name.next
                if self.waiting.last == name:
                    self.waiting.last = before
                self.waiting.count -= 1
                return name
            before = name
            name = name.next
            looked += 1
        return NULL

    cdef Name *started(self, double now) except NULL nogil:
        """A slot filled with the present line's name and type."""
        cdef Name *name = self.slot()
        name.same = NULL
        name.d = NULL
        if self.d_length >= 0:
            name.d_length = <uint32_t>self.d_length
            name.d = <char *>sure(malloc(name.d_length + 1))
            with gil:
                memcpy(name.d, <const char *>self.d, name.d_length)
        name.started, name.sent = self.scan_now(now), now
        name.hurt = -1
        name.deadline = name.started + self.deadline_s
        name.line = self.line
        name.qtype = self.types[self.type_at]
        name.rcode = -1
        name.worker = name.exit = name.resolver = -1
        name.reason = CONNECTION
        name.attempt = name.requeues = name.strays = 0
        name.plain = name.second = False
        name.dot = self.dot
        name.qname_length = <uint8_t>self.qname_length
        memcpy(name.qname, self.qname, self.qname_length)
        self.live += 1
        return name

    cdef Name *slot(self) except NULL nogil:
        cdef Block *block
        cdef Name *name
        cdef int index
        if self.free is NULL:
            block = <Block *>sure(calloc(1, sizeof(Block)))
            block.next = self.blocks
            self.blocks = block
            for index in range(BLOCK):
                block.names[index].next = self.free
                self.free = &block.names[index]
        name = self.free
        self.free = name.next
        return name

    cdef bint settle(self, Name *name, const Response *response, const uint8_t *message, Py_ssize_t length, double rtt,
                     Text tags, double now) except -1 nogil:
        """What a response says of its name (CONTRACT section 3); True when its server may know no EDNS."""
        cdef int rcode = response.rcode
        cdef Text details = NOTHING
        name.rcode = rcode
        if self.with_details and (rcode == 0 or rcode == 3):
            details = self.described(message, length)
        if rcode == 0:
            self.finish(name, TAKEN, NODATA if response.ancount == 0 else NONE, rtt, tags, details, now)
        elif rcode == 3 and response.ancount == 0:
            self.finish(name, NXDOMAIN, NONE, rtt, tags, details, now)
        elif rcode == 3 and response.alias:
            self.finish(name, TAKEN, CNAME_NX, rtt, tags, details, now)
        elif rcode == 3:
            self.again(name, BADRESP, True, now)        # a name that does not exist, with answers
        elif not name.plain and (rcode == 1 or rcode == 4):
            name.plain = True                           # perhaps no EDNS there (RFC 6891 section 7): ask without
            self.again(name, FORMERR, False, now)
            return True
        else:
            self.again(name, reason_of(rcode), True, now)
        return False

    cdef Text described(self, const uint8_t *message, Py_ssize_t length) except * with gil:
        """The JSON of fields a, sec and fl; good until the next one."""
        self.details = self.describe(<bytes>message[:length])
        return text_of(self.details)

    cdef int aside(self, Name *name) except -1 nogil:
        """To be asked over a stream, by the resolver that had it last; no attempt is spent."""
        cdef Side *sides
        cdef int count = max(name.resolver + 1, 2 * self.side_count)
        name.reason = TIMEOUT                           # unless a stream brings something else
        if self.leaving:
            self.give_up(name)
            return 0
        if self.lends:
            push(&self.outgoing, name)
            return 0
        if name.resolver >= self.side_count:
            sides = <Side *>sure(realloc(self.sides, count * sizeof(Side)))
            memset(sides + self.side_count, 0, (count - self.side_count) * sizeof(Side))
            self.sides, self.side_count = sides, count
        push(&self.sides[name.resolver].waiting, name)
        return 0

    def newly_aside(self) -> list:
        """Indexes of resolvers for which a name was put aside for the first time."""
        cdef int index
        found = []
        for index in range(self.side_count):
            if self.sides[index].waiting.count and not self.sides[index].told:
                self.sides[index].told = True
                found.append(index)
        return found

    def post(self) -> list:
        """What was put aside here, for `adopt` of the Names that have the streams: each name as its octets, with those
        that wait for the same answer."""
        cdef Name *name = pop(&self.outgoing)
        cdef Name *same
        letters = []
        while name is not NULL:
            same = name
            letter = []
            while same is not NULL:
                letter.append((<char *>same)[:sizeof(Name)])
                same = same.same
            letters.append(letter)
            same = name
            while same is not NULL:
                name = same.same
                same.d = NULL                           # the letter has it
                self.forget(same)
                same = name
            name = pop(&self.outgoing)
        return letters

    def adopt(self, letters) -> None:
        """Names of other Names, put aside here; their lines are written here."""
        cdef Name *name
        cdef Name *first
        cdef bytes octets
        for letter in letters:
            first = NULL
            for octets in reversed(letter):
                name = self.slot()
                memcpy(name, <const char *>octets, sizeof(Name))
                name.same = first
                first = name
                self.live += 1
            self.aside(first)

    cdef int again(self, Name *name, Reason reason, bint spend, double now) except -1 nogil:
        """An attempt failed: to be tried elsewhere, or finished when its attempts or its time are used up."""
        name.reason = reason
        self.latest = now
        if spend:
            self.troubles += 1
            if name.attempt >= self.retries or name.second:
                return self.fail_name(name, reason, now)
            name.attempt += 1
            self.retried += 1
        elif name.requeues < 255:
            name.requeues += 1
            self.requeued += 1
        if self.scan_now(now) >= name.deadline:
            return self.fail_name(name, reason, now)
        if self.leaving:
            self.give_up(name)
            return 0
        name.sent = now
        push(&self.waiting, name)
        return 0

    def expire(self, double now) -> int:
        """Finish queued names whose deadline has passed; returns how many. The wall clock (`ts`) may have been set."""
        cdef double clock = self.scan_now(now)
        cdef int index, late = self.expire_queue(&self.waiting, clock, now)
        self.epoch = time.time() - now
        for index in range(self.side_count):
            late += self.expire_queue(&self.sides[index].waiting, clock, now)
        return late

    cdef int expire_queue(self, Queue *queue, double clock, double now) except -1 nogil:
        cdef int index, late = 0
        cdef Name *name
        for index in range(queue.count):        # each once; those that stay keep their order
            name = pop(queue)
            if clock >= name.deadline:
                self.fail_name(name, <Reason>name.reason, now)
                late += 1
            else:
                push(queue, name)
        return late

    def fail(self, int reason, double now, int most) -> int:
        """Nothing can be reached: finish up to `most` waiting names with `reason`; returns how many."""
        cdef Name *name
        cdef int failed = 0
        while failed < most and self.take(&name, -1, -1, -1, now + PATIENCE_S + 1, False):
            name.started = min(name.started, self.scan_now(now))    # no second pass: it would not be reached later either
            self.finish(name, ERROR, <Reason>reason, self.scan_now(now) - name.started, NOTHING, NOTHING, now)
            failed += 1
        return failed

    def hold(self, double now) -> None:
        """The output's reader is behind: nothing more is started and the scan's clock stands still."""
        if self.held_since < 0:
            self.held_since = now
            self.lines.behind = True

    def release(self, double now) -> None:
        """The reader has caught up."""
        if self.held_since >= 0:
            self.held += now - self.held_since
            self.held_since = -1
            self.lines.behind = False

    # -- the second pass -----------------------------------------------------------------------------------------

    cdef bint hopeless(self) noexcept nogil:
        """True when a second pass would be in vain: nothing has ever answered, or the user wants to leave."""
        return self.ended and (self.stopped or (self.answers == 0 and self.live == 0))

    cdef bint defer(self, Name *name, Reason reason, double now) except -1 nogil:
        """Keep the name, and those that are the same, for the second pass; False when it must be written now."""
        cdef double clock = self.scan_now(now), left = name.deadline - clock, spent = clock - name.started
        cdef Name *same
        if left < LEAST_S or not (reason == TIMEOUT or reason == SERVFAIL or reason == REFUSED or reason == CONNECTION
                                  or reason == PROXY):
            return False
        if self.leaving:
            self.give_up(name)
            return True
        if self.stopped:
            return False
        while name is not NULL:
            same = name.same
            if not self.spool.keep(name, reason, spent):
                # no room on the disk: it is written, with those behind it
                self.finish(name, ERROR, reason, spent, NOTHING, NOTHING, now)
                return True
            if same is not NULL:
                same.rcode, same.attempt = name.rcode, name.attempt
                same.worker, same.exit, same.resolver = name.worker, name.exit, name.resolver
                same.plain, same.hurt = name.plain, name.hurt
            self.forget(name)
            name = same
        return True

    cdef int recall(self, double now) except -1 nogil:
        """Have a few deferred names in the queue of those that wait to be tried elsewhere."""
        cdef Name *name
        while (self.spool.count and self.waiting.count < LOOK_AHEAD and self.live < self.second_max
               and not self.hopeless()):
            name = self.recalled(now)
            name.deadline = name.started + self.deadline_s
            name.attempt += 1
            name.sent = now
            self.second += 1
            self.retried += 1
            push(&self.waiting, name)
        return 0

    cdef Name *recalled(self, double now) except NULL nogil:
        """The first deferred name, in a slot again."""
        cdef Name *name = self.slot()
        self.spool.take(name, self.scan_now(now))
        name.second = True
        self.live += 1
        self.second_live += 1
        return name

    cdef int write_deferred(self) except -1 nogil:
        """There is no second pass: the lines of the first, as many as the sheet takes."""
        cdef Name *name
        while self.spool.count and self.lines.used < self.lines.limit:
            name = self.recalled(self.latest)
            self.finish(name, ERROR, <Reason>name.reason, self.scan_now(self.latest) - name.started, NOTHING, NOTHING,
                        self.latest)
        return 0

    # -- output --------------------------------------------------------------------------------------------------

    cdef int fail_name(self, Name *name, Reason reason, double now) except -1 nogil:
        """No verdict: `error`, and the time that was spent in all; but first a second pass, where that may help."""
        if self.spool is not None and not name.second and self.defer(name, reason, now):
            return 0
        return self.finish(name, ERROR, reason, self.scan_now(now) - name.started, NOTHING, NOTHING, now)

    cdef int finish(self, Name *name, Verdict verdict, Reason reason, double spent, Text tags, Text details,
                    double now) except -1 nogil:
        """Write the line of a name, and of every line that was the same name; then its slot is free."""
        cdef Name *same = name.same
        cdef Name *after
        self.recovered += name.second and verdict != ERROR
        self.write(name, verdict, reason, spent, tags, details, now)
        while same is not NULL:
            same.rcode, same.attempt = name.rcode, name.attempt
            self.write(same, verdict, reason, spent, tags, details, now)
            after = same.same
            self.forget(same)
            same = after
        self.forget(name)
        return 0

    cdef void forget(self, Name *name) noexcept nogil:
        cdef int index
        for index in range(self.type_count):
            if self.newest[index] == name:
                self.newest[index] = NULL
        free(name.d)
        name.d = NULL
        name.next = self.free
        self.free = name
        self.live -= 1
        self.second_live -= name.second

    cdef int write(self, Name *name, Verdict verdict, Reason reason, double spent, Text tags, Text details,
                   double now) except -1 nogil:
        """One JSONL line, straight from the slot."""
        cdef char *at = self.lines.begin(1400 + name.d_length * (name.d is not NULL) + tags.length + details.length)
        cdef int64_t ms
        cdef int index
        at = put(at, b'{"d":"', 6)
        if name.d is not NULL:
            at = put(at, name.d, name.d_length)
        else:
            at += text_from_qname(name.qname, name.qname_length, at)
            if name.dot:
                at = put(at, b".", 1)
        if verdict == TAKEN:
            at = put(at, b'","s":"taken","r":', 18)
        elif verdict == NXDOMAIN:
            at = put(at, b'","s":"nxdomain","r":', 21)
        else:
            at = put(at, b'","s":"error","r":', 18)
        at = put_number(at, name.rcode) if name.rcode >= 0 else put(at, b"null", 4)
        at = put(at, b',"ms":', 6)
        at = put_number(at, <int64_t>(spent * 1000 + 0.5))
        at = put(at, b',"re":true', 10) if name.rcode == 0 else put(at, b',"re":false', 11)
        if reason != NONE:
            at = put_reason(at, reason, name.rcode)
        if name.attempt:
            at = put(at, b',"x":', 5)
            at = put_number(at, name.attempt)
        if name.d is not NULL:
            at = put(at, b',"q":"', 6)
            at += text_from_qname(name.qname, name.qname_length, at)
            at = put(at, b'"', 1)
        if self.with_line:
            at = put(at, b',"n":', 5)
            at = put_number(at, name.line)
        if self.with_why and reason != NONE:
            at = put(at, b',"why":"', 8)
            at = put_text(at, WHY[<int>reason])
            at = put(at, b'"', 1)
        if self.tags[0].length:
            for index in range(self.type_count):
                if self.types[index] == name.qtype:
                    at = put_text(at, self.tags[index])
                    break
        at = put_text(at, details)
        at = put_text(at, tags)
        if self.with_time:
            ms = <int64_t>((now + self.epoch) * 1000)
            at = put(at, b',"ts":', 6)
            at = put_number(at, ms // 1000)
            at[0], at[1], at[2], at[3] = 46, 48 + ms // 100 % 10, 48 + ms // 10 % 10, 48 + ms % 10      # .mmm
            at += 4
        at = put(at, b"}\n", 2)
        self.lines.end(at)
        self.written += 1
        self.verdicts[<int>verdict] += 1
        self.reasons[<int>reason] += 1
        return 0

    cdef int write_bad(self, bytes d, Reason reason, str why) except -1:
        """The lines (one a type) of an input line that is not asked at all."""
        cdef char *at
        cdef bytes line
        while True:
            line = b'{"d":"%b","s":"error","r":null,"ms":0,"re":false,"e":"%b"' % (d, REASONS[<int>reason].encode())
            if self.with_line:
                line += b',"n":%d' % self.line
            if self.with_why:
                line += b',"why":"%b"' % why.encode("ascii", "replace").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            line += self.type_tags[self.type_at]
            if self.with_time:
                line += b',"ts":%.3f' % time.time()
            at = self.lines.begin(len(line) + 2)
            at = put_text(at, text_of(line))
            self.lines.end(put(at, b"}\n", 2))
            self.written += 1
            self.verdicts[<int>ERROR] += 1
            self.reasons[<int>reason] += 1
            if not self.next_type():
                return 0

    def books(self) -> dict:
        """What was read, written and asked, by verdict and by reason; the figures of the summary."""
        return {
            "read": self.read, "blank": self.blank, "written": self.written, "expected": self.expected,
            "skipped": self.skipped, "unfinished": self.unfinished,
            "taken": self.verdicts[<int>TAKEN], "nxdomain": self.verdicts[<int>NXDOMAIN], "error": self.verdicts[<int>ERROR],
            "reasons": {REASONS[i]: self.reasons[i] for i in range(1, REASON_COUNT) if self.reasons[i]},
            "queries": self.queries, "answers": self.answers, "strays": self.strays,
            "retried": self.retried, "requeued": self.requeued,
            "second": self.second, "recovered": self.recovered, "in_flight": self.live,
        }


cdef Reason reason_of(int rcode) noexcept nogil:
    if rcode == 2:
        return SERVFAIL
    if rcode == 5:
        return REFUSED
    if rcode == 1:
        return FORMERR
    return NOTIMP if rcode == 4 else RCODE


cdef inline char *put(char *at, const char *text, Py_ssize_t length) noexcept nogil:
    memcpy(at, text, length)
    return at + length


cdef char *put_reason(char *at, Reason reason, int rcode) noexcept nogil:
    """`,"e":"servfail"`; an RCODE without a name of its own is `rcodeN`."""
    at = put(at, b',"e":"', 6)
    at = put_text(at, REASON_TEXTS[<int>reason])
    if reason == RCODE:
        at = put_number(at, rcode)
    return put(at, b'"', 1)
