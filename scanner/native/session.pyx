# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""A DNS session over one stream, without I/O and without a clock (RFC 7766).

It fills a window with queries, matches responses by ID and question, says what each one means, and hands names
back when their time runs out or the connection ends. It never opens, waits or writes.
"""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport uint8_t, uint16_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcpy, memset

from scanner.native.dice cimport Dice, roll
from scanner.native.line cimport Text, text_of
from scanner.native.name cimport BADRESP, TIMEOUT, Name, Reason
from scanner.native.names cimport Aside, Names
from scanner.native.peer cimport Peer, granted, knows_edns, told
from scanner.native.tally cimport count_answer
from scanner.native.table cimport enter, find_place, vacate
from scanner.native.wire cimport FIT_BROKEN, FIT_STRAY, FRAME_MAX, Response, read_response, write_query

DEF WINDOW_FIRST = 2        # a connection begins with this many and doubles while answers come
DEF WINDOW_MAX = 64         # beyond it nothing more was gained (DESIGN section 2)
DEF STRAYS_MAX = 100        # a stream with so many messages that answer nothing has lost its framing
DEF FREE_MAX = 10           # closes among answers that one name is given for nothing
DEF QUOTA_MAX = 4           # a server that closes after so few answers is taken to mean it

cdef uint8_t scratch[(WINDOW_MAX + 1024) * FRAME_MAX]   # frames on their way out; used inside `fill` only
cdef Dice dice


cdef class Session:
    """One connection's queries. `window` fixes how many are in flight, 0 finds it; times in seconds;
    `tags` is the JSON of fields ns and p, given with each line that was answered here. With `aside`, names come
    from there alone."""

    def __cinit__(self):
        self.table = NULL
        self.tail = NULL

    def __init__(self, Names names, Peer peer, *, int window=0, double timeout_s=2.0, int worker=0, int exit=0,
                 int resolver=0, bytes tags=b"", bint edns=True, Aside aside=None):
        cdef int slots = 4
        if not 0 <= window <= 1024:
            raise ValueError("window is 0 to 1024")
        self.names, self.peer, self.tags, self.aside = names, peer, tags, aside
        self.counts = peer.counts()
        self.tags_text = text_of(tags)
        self.worker, self.exit, self.resolver = worker, exit, resolver
        self.timeout_s = timeout_s
        self.auto = window == 0
        self.window_max = window or WINDOW_MAX
        self.window = window or WINDOW_FIRST
        self.threshold = self.window_max
        self.edns = edns
        while slots < 4 * self.window_max:
            slots *= 2
        self.mask = slots - 1
        self.table = <Name **>calloc(slots, sizeof(Name *))
        if self.table is NULL:
            raise MemoryError
        self.opened()

    def __dealloc__(self):
        free(self.table)
        free(self.tail)

    def opened(self) -> None:
        """A new connection: its counters begin anew; it doubles up to the window that the last one had found."""
        if self.auto and self.sent:
            self.threshold = max(self.window, <int>WINDOW_FIRST)
            self.window = min(self.window, <int>WINDOW_FIRST)
        self.sent = self.answered = self.silent = self.strays = 0
        self.excused = False
        self.tail_used = 0
        self.rtt = 0
        self.rtt_least = 1e9

    @property
    def room(self) -> int:
        """How many more queries may be in flight now, the bucket aside."""
        cdef int room = self.window - self.in_flight
        if self.peer.quota:
            room = min(room, self.peer.quota - self.sent)
        return max(room, 0)

    @property
    def used_up(self) -> bool:
        """True when the connection has given all that its server allows one: time for another."""
        return 0 < self.peer.quota <= self.sent and self.in_flight == 0

    # -- octets out ----------------------------------------------------------------------------------------------

    def fill(self, double now) -> bytes | None:
        """As many framed queries as the window, the quota and the bucket allow; None when there are none."""
        cdef int room = granted(&self.peer.manners, now, self.room)
        cdef uint8_t *at = scratch
        cdef double clock = self.names.scan_now(now)
        cdef Name *name
        while room > 0:
            if self.aside is None:
                self.names.take(&name, self.worker, self.exit, self.resolver, now, self.peer.doubted)
            else:
                name = NULL if self.names.blocked() else self.aside.next()
            if name is NULL:
                break
            name.worker, name.exit, name.resolver = self.worker, self.exit, self.resolver
            name.sent = now
            name.expires = min(clock + self.timeout_s, name.deadline)
            name.plain = name.plain or not self.edns or not knows_edns(&self.peer.manners)
            self.put(name)
            at += write_query(at, name.message_id, name.qname, name.qname_length, name.qtype, not name.plain)
            self.sent += 1
            self.names.queries += 1
            self.counts.queries += 1
            self.peer.manners.tokens -= 1
            room -= 1
        if at == scratch:
            return None
        return PyBytes_FromStringAndSize(<char *>scratch, at - scratch)

    cdef int put(self, Name *name) except -1:
        """Give the name an ID that nothing in flight has, and keep it by that."""
        while True:
            memcpy(&name.message_id, roll(&dice, 2), 2)
            if find_place(self.table, self.mask, name.message_id) < 0:
                break
        enter(self.table, self.mask, name)
        self.in_flight += 1
        return 0

    cdef void remove(self, int at) noexcept:
        vacate(self.table, self.mask, at)
        self.in_flight -= 1

    def exchange(self, bytes octets not None, double now) -> bytes | None:
        """`receive` and then `fill`, in one call; `smooth` tells whether that was all there is to do."""
        cdef bytes out
        self.receive(octets, now)
        out = self.fill(now)
        self.smooth = (self.in_flight >= self.window and self.peer.quota == 0 and self.names.waiting.count == 0
                       and self.names.lines.used < self.names.lines.limit)
        return out

    # -- octets in -----------------------------------------------------------------------------------------------

    def receive(self, bytes octets not None, double now) -> int:
        """Octets from the stream, cut anywhere; returns how many names got their line or were given back."""
        cdef const uint8_t *at = octets
        cdef Py_ssize_t left = len(octets), need, size
        cdef int settled = 0
        self.heard_at = now
        self.silent = 0
        while left > 0:
            if self.tail_used:
                need = 2 if self.tail_used < 2 else 2 + (self.tail[0] << 8 | self.tail[1])
                size = min(need - self.tail_used, left)
                self.keep(at, size)
                at += size
                left -= size
                if self.tail_used == 2 and need == 2:
                    need = 2 + (self.tail[0] << 8 | self.tail[1])
                if self.tail_used == need:
                    self.tail_used = 0
                    settled += self.answer(self.tail + 2, need - 2, now)
                continue
            need = 2 + (at[0] << 8 | at[1]) if left >= 2 else 2
            if left < need:
                self.keep(at, left)
                break
            settled += self.answer(at + 2, need - 2, now)
            at += need
            left -= need
        return settled

    cdef int keep(self, const uint8_t *octets, Py_ssize_t length) except -1:
        """Append to the frame whose rest has not come; its room grows with what comes, not with what is claimed."""
        cdef uint8_t *tail
        if self.tail_used + length > self.tail_room:
            tail = <uint8_t *>realloc(self.tail, 2 * (self.tail_used + length))
            if tail is NULL:
                raise MemoryError
            self.tail = tail
            self.tail_room = 2 * (self.tail_used + length)
        memcpy(self.tail + self.tail_used, octets, length)
        self.tail_used += length
        return 0

    cdef int answer(self, const uint8_t *message, Py_ssize_t length, double now) except -1:
        """One message: 1 when it settled a name's attempt, 0 when it answers nothing here."""
        cdef int at = find_place(self.table, self.mask, message[0] << 8 | message[1]) if length >= 12 else -1
        cdef Name *name
        if at >= 0:
            name = self.table[at]
            if self.classify(name, message, length, now):
                return 1
        self.strays += 1
        self.names.strays += 1
        return 0

    cdef int classify(self, Name *name, const uint8_t *message, Py_ssize_t length, double now) except -1:
        """What the response says of the name (CONTRACT section 3); 0 when it is not an answer to it."""
        cdef Response response
        cdef int fit = read_response(message, length, name.qname, name.qname_length, name.qtype, &response)
        cdef double rtt = now - name.sent
        if fit == FIT_STRAY:
            return 0
        self.remove(find_place(self.table, self.mask, name.message_id))
        self.answered += 1
        if self.answered > QUOTA_MAX:
            self.peer.short_ends = 0
        self.names.answers += 1
        count_answer(self.counts, rtt)
        self.names.heard_at = now
        self.names.troubles = 0
        self.peer.heard_at = now
        self.peer.doubted = False
        self.widen(rtt)
        if fit == FIT_BROKEN:
            self.names.again(name, BADRESP, True, now)
            return 1
        told(&self.peer.manners, &response, self.names.settle(name, &response, message, length, rtt, self.tags_text, now))
        return 1

    cdef void widen(self, double rtt) noexcept:
        """Let the window grow while answers come and the queue at the server stays short (times in seconds)."""
        if rtt < self.rtt_least:
            self.rtt_least = rtt
        self.rtt = rtt if self.rtt == 0 else self.rtt + (rtt - self.rtt) / 8
        if not self.auto:
            return
        if self.rtt > self.rtt_least + self.timeout_s / 4:
            self.window = max(self.window - 1, 1)
            self.threshold = self.window
        elif self.rtt < self.rtt_least + self.timeout_s / 8 and self.window < self.window_max:
            if self.window < self.threshold:
                self.window += 1
            else:
                self.credit += 1.0 / self.window
                if self.credit >= 1:
                    self.credit = 0
                    self.window += 1

    # -- time and the end of the connection ----------------------------------------------------------------------

    def expire(self, double now) -> int:
        """Give back the names whose attempt ran out; returns how many. `silent` counts the times
        that it happened without an octet heard."""
        cdef double clock = self.names.scan_now(now)
        cdef Name *name
        cdef int at = 0, late = 0
        cdef bint mute = False
        if self.in_flight == 0:
            return 0
        while at <= self.mask:
            name = self.table[at]
            if name is NULL or clock < name.expires:
                at += 1
                continue
            self.remove(at)             # may move another name here: look at this place again
            mute = mute or self.heard_at <= name.sent
            self.names.again(name, TIMEOUT, True, now)
            late += 1
        self.counts.losses += late
        if mute:                        # the whole connection is silent, not one name: feel with one query
            self.silent += 1
            if self.auto:
                self.threshold = max(self.window / 2.0, 1.0)
                self.window = 1
        return late

    @property
    def hopeless(self) -> bool:
        """True when the connection is to be given up: silent through a probe, or its framing is lost."""
        return self.strays > STRAYS_MAX or self.silent > 1

    def abandon(self, int reason, double now) -> int:
        """The connection ended: every name in flight goes back, without an attempt spent the first time, nor
        (within reason) when the connection had been answering others. Returns how many there were.

        Some servers close on a name that they do not like (unbound's `deny`). Where a name in flight may be one,
        and the first time that a peer which has answered closes without an answer, this is no proof that the peer
        is down: `excused`."""
        cdef bint spend, suspect = self.holds_suspect()
        cdef int at, count = self.in_flight
        cdef Name *name
        if count and self.auto:
            self.window = max(self.window // 2, 1) if self.answered > QUOTA_MAX else 1
        if count and self.answered <= QUOTA_MAX and self.sent > 1 and not (suspect and count == 1):
            self.peer.ended_short(max(self.answered, 1))
        if count and self.answered == 0:
            self.excused = suspect or (self.peer.heard_at >= 0 and not self.peer.doubted)
            self.peer.doubted = True
        for at in range(self.mask + 1):
            name = self.table[at]
            if name is not NULL:
                if name.hurt < 0:
                    name.hurt = now
                spend = name.requeues >= FREE_MAX or (name.requeues > 0 and self.answered == 0 and not self.excused)
                self.names.again(name, <Reason>reason, spend, now)
        memset(self.table, 0, (self.mask + 1) * sizeof(Name *))
        self.counts.losses += count
        self.in_flight = 0
        self.tail_used = 0
        return count

    cdef bint holds_suspect(self) noexcept:
        """True when a name in flight was so at an earlier end of a connection, and others were answered since."""
        cdef int at
        for at in range(self.mask + 1):
            if self.table[at] is not NULL and 0 <= self.table[at].hurt < self.peer.heard_at:
                return True
        return False
