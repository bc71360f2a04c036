# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Raw UDP: the slot pool (Linux). One `turn` is four steps: `wait` (which sockets have something), `drain`, `expire`,
`fill`. It reads no clock and never sleeps; whoever has the event loop calls it.

Hard to fool (RFC 5452): message IDs and the case of each letter (0x20) from the kernel's CSPRNG, many source ports, each
for a thousand queries or ten seconds, and only the address and port that was asked may answer. What does not fit is
counted and otherwise as if it had not come.
"""

from libc.errno cimport EAGAIN, EINTR, EINVAL, EIO, ENOBUFS, ENOMEM, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport bsearch, calloc, free, malloc, qsort, realloc
from libc.string cimport memcmp, memcpy, memset
from posix.unistd cimport close

from scanner.model import POLICIES
from scanner.native.dice cimport roll
from scanner.native.line cimport sure, text_of
from scanner.native.name cimport BADRESP, REFUSED, TIMEOUT, Name
from scanner.native.names cimport Names
from scanner.native.peer cimport Peer, knows_edns, told
from scanner.native.server cimport Server, cookie_fits, has_room, hear, judge_lap, key_size, set_up
from scanner.native.sockets cimport (
    CMSG_DATA, CMSG_LEN, CMSG_SPACE, EPOLL_CTL_ADD, EPOLLERR, EPOLLIN, HAVE_BATCHES,
    MSG_DONTWAIT, MSG_ERRQUEUE, MSG_NOSIGNAL, SOL_UDP, UDP_SEGMENT, cmsghdr, epoll_create1, epoll_ctl, epoll_event,
    epoll_wait, iovec, mmsghdr, msghdr, recvmmsg, recvmsg, sendmmsg, sockaddr_in6,
)
from scanner.native.table cimport enter, find_place, vacate
from scanner.native.wire cimport FIT_BROKEN, FIT_STRAY, Fit, Response, read_response, write_message

DEF RANDOM = 0
DEF ROUND_ROBIN = 1
DEF EVENTS = 64
DEF TICK_S = 0.004              # of the wheel
DEF WORKER_BASE = 1 << 20       # Name.worker of slot 0: no stream worker has such a number
DEF PORT_S = 10.0               # the life of a port
DEF STRAYS_NAME = 100
DEF STRAYS_SECOND = 1000
DEF LIMIT_FIRST = 1024          # in flight: as many as the processor's cache likes
DEF WEIGH_S = 0.1               # between two weighings, and at least two round trips
DEF GAIN = 1.25                 # of answers that twice as many in flight must bring
DEF REST_MAX = 64
DEF PAUSES = 4                  # at least so many in a deadline, where no resolver answers
DEF UNPROVEN_S = 0.1            # what a resolver that never answered is given, and eight round trips of the others
DEF BACKOFF_S = 0.001           # after a full buffer
DEF OPEN_AGAIN_S = 0.05         # after a socket that could not be opened
DEF SEGMENTS = 64               # of one segmented send (the kernel's UDP_MAX_SEGMENTS)
DEF WORKER_NONE = -1

cdef inline Name *found(Port *port, int message_id) noexcept nogil:
    cdef int at = find_place(port.table, IDS - 1, message_id)
    return NULL if at < 0 else port.table[at]


cdef inline uint8_t cased(const Name *name, int i) noexcept nogil:
    """Octet i of the qname as it is sent: each letter in the case that its bit says (0x20)."""
    cdef uint8_t octet = name.qname[i]
    if <uint8_t>((octet | 32) - 97) < 26:
        octet = (octet | 32) ^ <uint8_t>(((name.case_bits >> (i & 63)) & 1) << 5)
    return octet


cdef class Engine:
    """All that is in flight as datagrams. `open_port(v6)` gives a bound non-blocking socket; times in seconds."""

    def __cinit__(self):
        self.poll = -1

    def __init__(self, Names names, targets, *, open_port, int slots=10_000, double timeout_s=2.0, str policy="random",
                 bint gso=False, bint case=True):
        cdef int i
        cdef Server *server
        if not HAVE_BATCHES:
            raise OSError("udp:// needs Linux; use tcp://")
        self.names, self.targets, self.open_port = names, list(targets), open_port
        self.server_count = <int>len(self.targets)
        self.slots, self.timeout_s, self.policy = slots, timeout_s, POLICIES.index(policy)
        self.single = self.server_count == 1
        self.gso = gso and self.single
        self.case = case
        self.limit = min(slots, LIMIT_FIRST)
        self.wheel_at = self.refused_once = -1
        self.index_base = self.targets[0].index
        self.poll = epoll_create1(0)
        self.in_octets = <uint8_t *>malloc(BATCH * DATAGRAM)
        self.out_octets = <uint8_t *>malloc(OUT * QUERY_MAX)
        self.servers = <Server *>calloc(self.server_count, sizeof(Server))
        self.by_address = <Server **>calloc(self.server_count, sizeof(Server *))
        for i in range(2):
            self.families[i].with_room = <int *>calloc(self.server_count, sizeof(int))
            if self.families[i].with_room is NULL:
                raise MemoryError
        if self.poll < 0 or self.in_octets is NULL or self.out_octets is NULL or self.servers is NULL \
                or self.by_address is NULL:
            raise MemoryError
        for i in range(BATCH):
            self.in_pieces[i].iov_base = self.in_octets + i * DATAGRAM
            self.in_pieces[i].iov_len = DATAGRAM
            self.in_messages[i].msg_hdr.msg_iov = &self.in_pieces[i]
            self.in_messages[i].msg_hdr.msg_iovlen = 1
        for i, target in enumerate(self.targets):
            server = &self.servers[i]
            set_up(server, target.index, target.address, target.port, target.scope, roll(&self.dice, 8))
            server.manners = &(<Peer>target.peer).manners
            server.counts = (<Peer>target.peer).counts()
            server.tags = text_of(target.tags)
            self.by_address[i] = server
            self.consider(server, 0)
        qsort(self.by_address, self.server_count, sizeof(Server *), by_key)

    def __dealloc__(self):
        cdef int i
        for i in range(self.port_count):
            if self.ports[i].fd >= 0:
                close(self.ports[i].fd)
            free(self.ports[i])
        for i in range(2):
            free(self.families[i].with_room)
        free(self.ports)
        free(self.in_octets)
        free(self.out_octets)
        free(self.servers)
        free(self.by_address)
        if self.poll >= 0:
            close(self.poll)

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to drain."""
        return self.poll

    def close(self) -> None:
        """Close every descriptor; turns and ticks that come later do nothing."""
        cdef int i
        self.closed = True
        for i in range(self.port_count):
            if self.ports[i].fd >= 0:
                close(self.ports[i].fd)
                self.ports[i].fd = -1
        if self.poll >= 0:
            close(self.poll)
            self.poll = -1

    def pausing(self, double now) -> int:
        """How many resolvers are not asked for a while, because nothing came back."""
        cdef int i, pausing = 0
        for i in range(self.server_count):
            pausing += now < self.servers[i].paused_until
        return pausing

    def newly_moved(self) -> list:
        """Indexes of resolvers that went to TCP since the last call, because somebody forges their answers."""
        cdef int i
        moved = []
        for i in range(self.server_count if self.forged else 0):
            if self.servers[i].stream and not self.servers[i].told:
                self.servers[i].told = True
                moved.append(self.servers[i].index)
        return moved

    def figures(self) -> list:
        """What each resolver has shown of itself, as it stands in `Figures`."""
        cdef Server *server
        cdef int i
        found = []
        for i in range(self.server_count):
            server = &self.servers[i]
            found.append((server.index, server.window, server.baseline, server.rtt, server.answered, server.in_flight))
        return found

    # -- a turn --------------------------------------------------------------------------------------------------

    def turn(self, double now) -> int:
        """Take in what has come, end what has waited too long, send what there is room for; returns answers taken."""
        cdef int settled
        with nogil:
            settled = self.step(now)
        return settled

    cdef int step(self, double now) except -1 nogil:
        cdef epoll_event events[EVENTS]
        cdef int ready, i, settled = 0
        if self.closed:
            return 0
        ready = epoll_wait(self.poll, events, EVENTS, 0)
        for i in range(ready):
            if events[i].events & EPOLLERR:
                self.drain_errors(<Port *>events[i].data.ptr, now)
            settled += self.drain(<Port *>events[i].data.ptr, now)   # may close the port
        self.expire(now)
        self.fill(now)
        return settled

    def tick(self, double now) -> None:
        """Now and then: rounds that end by time, pauses and buckets, ports that are old."""
        cdef int i
        if self.closed:
            return
        self.sound = 0
        self.weigh(now)
        for i in range(self.server_count):
            self.consider(&self.servers[i], now)
            self.sound += self.servers[i].answered > 0 and self.servers[i].silences == 0
        for i in range(0 if self.sound else self.server_count):     # whatever else it might do, it waits for these
            self.servers[i].paused_until = min(self.servers[i].paused_until, now + self.names.deadline_s / PAUSES)
        for i in range(self.port_count):
            if self.ports[i].fd >= 0:
                self.age(self.ports[i], now)

    cdef void age(self, Port *port, double now) noexcept nogil:
        """Retire a port that is old, and close it when nothing is in flight on it."""
        if not port.retired and now - port.born > PORT_S:
            self.retire(port)
        elif port.retired and port.in_flight == 0:
            self.close_port(port)

    cdef void retire(self, Port *port) noexcept nogil:
        """Send no more from it; what is in flight may still be answered."""
        cdef Family *family = &self.families[port.v6]
        cdef int i
        port.retired = True
        for i in range(family.port_count):
            if family.ports[i] == port:
                family.port_count -= 1
                family.ports[i] = family.ports[family.port_count]
                break
        if port.in_flight == 0:
            self.close_port(port)

    cdef Server *server_of(self, Name *name) noexcept nogil:
        return &self.servers[name.resolver - self.index_base]

    cdef Server *server_at(self, sockaddr_in6 *address) noexcept nogil:
        """The server with this address and port; NULL when it is nobody's."""
        cdef Server key
        cdef Server *wanted = &key
        cdef Server **place
        key.address = address[0]
        place = <Server **>bsearch(&wanted, self.by_address, self.server_count, sizeof(Server *), by_key)
        return NULL if place is NULL else place[0]

    # -- drain ---------------------------------------------------------------------------------------------------

    cdef int drain(self, Port *port, double now) except -1 nogil:
        """Everything that waits at a socket."""
        cdef int got = BATCH, i, settled = 0, rounds = 0
        while got == BATCH and rounds < 16:
            rounds += 1
            for i in range(BATCH):
                self.in_messages[i].msg_hdr.msg_name = &self.in_addresses[i]
                self.in_messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_in6)
            got = recvmmsg(port.fd, self.in_messages, BATCH, MSG_DONTWAIT, NULL)
            for i in range(got):
                settled += self.message(port, self.in_octets + i * DATAGRAM, self.in_messages[i].msg_len,
                                        &self.in_addresses[i], now)
        if port.retired and port.in_flight == 0:
            self.close_port(port)
        return settled

    cdef bint message(self, Port *port, const uint8_t *message, Py_ssize_t length, sockaddr_in6 *source,
                      double now) except -1 nogil:
        """One datagram: True when it settled a name's attempt, False when it is not an answer to anything here."""
        cdef int message_id = message[0] << 8 | message[1] if length >= 12 else -1
        cdef Name *name = found(port, message_id) if message_id >= 0 else NULL
        cdef Response response
        cdef Server *server
        cdef Fit fit
        if name is NULL:
            return self.stray(port, message_id, NULL, source, now)
        server = self.server_of(name)
        if memcmp(source, &server.address, key_size(&server.address)) != 0:
            return self.stray(port, message_id, name, source, now)
        response.opt = 0
        fit = read_response(message, length, name.qname, name.qname_length, name.qtype, &response)
        if fit == FIT_STRAY or (fit != FIT_BROKEN and not cookie_fits(server, message, length, response.opt)):
            return self.stray(port, message_id, name, source, now)
        self.proven += server.answered == 0
        hear(server, name, now)
        self.rtt += (now - name.sent - self.rtt) / 64
        self.leave(name)
        self.names.answers += 1
        self.answers += 1
        self.names.heard_at = now
        self.names.troubles = 0
        if self.case and message[5] and not same_case(message + 12, name):
            self.case_lost += 1
            self.names.aside(name)
        elif response.truncated:
            self.truncated += 1
            self.names.aside(name)
        elif fit == FIT_BROKEN:
            self.names.again(name, BADRESP, True, now)
        elif response.rcode == 23 and name.requeues < 2:    # BADCOOKIE: once more with the one that came with it
            self.names.again(name, REFUSED, False, now)
        else:
            told(server.manners, &response, self.names.settle(name, &response, message, length, now - name.sent, server.tags, now))
        self.consider(server, now)
        return True

    cdef int stray(self, Port *port, int message_id, Name *name, sockaddr_in6 *source, double now) except -1 nogil:
        """A datagram that answers nothing. Many of them for one name, or from one server, mean a forger: to TCP. One that
        comes late, or twice, is no forger's; its server is alive."""
        cdef Server *server
        self.names.strays += 1
        if name is not NULL:
            name.strays += name.strays < 255
            if name.strays > STRAYS_NAME:
                self.server_of(name).counts.losses += 1
                self.leave(name)
                self.names.aside(name)
        server = self.server_at(source)
        if server is NULL or server.stream:
            return 0
        server.late = True
        if name is NULL and message_id >= 0 and port.over[message_id >> 3] >> (message_id & 7) & 1:
            port.over[message_id >> 3] ^= 1 << (message_id & 7)
            server.paused_until = 0
            return 0
        if now - server.stray_second > 1:
            server.stray_second, server.stray_count = now, 0
        server.stray_count += 1
        if server.stray_count > STRAYS_SECOND:
            server.stream = True
            self.forged += 1
        return 0

    cdef void drain_errors(self, Port *port, double now) noexcept nogil:
        """ICMP errors (IP_RECVERR): hints, which anybody can send. One slows a server down that has been silent."""
        cdef msghdr header
        cdef sockaddr_in6 address
        cdef uint8_t control[512]
        cdef Server *server
        while True:
            memset(&header, 0, sizeof(header))
            memset(&address, 0, sizeof(address))
            header.msg_name, header.msg_namelen = &address, sizeof(address)
            header.msg_control, header.msg_controllen = control, sizeof(control)
            if recvmsg(port.fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0:
                return
            self.unreachable += 1
            server = self.server_at(&address)
            if server is not NULL and now - server.heard_at > 0.1 and now >= server.paused_until:
                server.window = 1
                server.threshold = 1
                server.paused_until = now + 0.1
                server.counts.pauses += 1
                self.names.troubles += 1

    # -- expire --------------------------------------------------------------------------------------------------

    cdef void to_wheel(self, Name *name) noexcept nogil:
        cdef Name **head = &self.wheel[<int64_t>(name.expires / TICK_S) & (WHEEL - 1)]
        name.before = NULL
        name.next = head[0]
        if head[0] is not NULL:
            head[0].before = name
        head[0] = name

    cdef void from_wheel(self, Name *name) noexcept nogil:
        if name.before is not NULL:
            name.before.next = name.next
        else:
            self.wheel[<int64_t>(name.expires / TICK_S) & (WHEEL - 1)] = name.next
        if name.next is not NULL:
            name.next.before = name.before

    cdef int expire(self, double now) except -1 nogil:
        """Attempts whose time is over, on the scan's clock."""
        cdef double clock = self.names.scan_now(now)
        cdef int64_t last = <int64_t>(clock / TICK_S)
        cdef Name *name
        cdef Name *after
        cdef Server *server
        if self.wheel_at < 0 or last - self.wheel_at >= WHEEL:
            self.wheel_at = last - WHEEL + 1
        while True:
            name = self.wheel[self.wheel_at & (WHEEL - 1)]
            while name is not NULL:
                after = name.next
                if name.expires <= clock:
                    server = self.server_of(name)
                    if name.lap == server.lap:
                        server.lap_lost += 1
                    server.counts.losses += 1
                    self.leave(name)
                    self.names.again(name, TIMEOUT, not self.unproven(server), now)
                    self.consider(server, now)
                name = after
            if self.wheel_at >= last:
                return 0
            self.wheel_at += 1

    cdef void leave(self, Name *name) noexcept nogil:
        """The attempt is over: out of the port's table, the wheel and the server's count."""
        cdef Port *port = self.ports[name.worker - WORKER_BASE]
        vacate(port.table, IDS - 1, find_place(port.table, IDS - 1, name.message_id))
        port.over[name.message_id >> 3] |= 1 << (name.message_id & 7)
        port.in_flight -= 1
        self.from_wheel(name)
        self.server_of(name).in_flight -= 1
        self.in_flight -= 1

    # -- fill ----------------------------------------------------------------------------------------------------

    cdef void consider(self, Server *server, double now) noexcept nogil:
        """Enter the server among those with room, when it has some worth a batch."""
        cdef Family *family = &self.families[server.v6]
        judge_lap(server, now, self.timeout_s)
        if server.place < 0 and server.in_flight <= server.window - min(server.window / 4, OUT) and has_room(server, now):
            server.place = family.with_room_count
            family.with_room[server.place] = server.index - self.index_base
            family.with_room_count += 1

    cdef void shut(self, Server *server) noexcept nogil:
        """Out of the list; the last one takes its place."""
        cdef Family *family = &self.families[server.v6]
        family.with_room_count -= 1
        family.with_room[server.place] = family.with_room[family.with_room_count]
        self.servers[family.with_room[server.place]].place = server.place
        server.place = -1

    cdef Server *pick(self, Family *family, double now) except? NULL nogil:
        """A server with room by the policy; NULL when there is none."""
        cdef uint32_t drawn
        cdef Server *server
        while family.with_room_count:
            if self.policy == RANDOM and family.with_room_count > 1:
                memcpy(&drawn, roll(&self.dice, sizeof(drawn)), sizeof(drawn))
                self.turn_of = <int>(drawn % <uint32_t>family.with_room_count)
            elif self.policy == ROUND_ROBIN:
                self.turn_of += 1
            server = &self.servers[family.with_room[self.turn_of % family.with_room_count]]
            if has_room(server, now):
                return server
            self.shut(server)
        return NULL

    cdef bint next_name(self, Name **taken, Server *server, double now) except -1 nogil:
        taken[0] = self.held
        if self.held is not NULL:
            self.held = self.held.next
            return True
        if self.doubtful(server):
            return self.names.newcomer(taken, now)
        return self.names.take(taken, WORKER_NONE, 0, server.index, now, False)

    cdef bint unproven(self, Server *server) noexcept nogil:
        """It has never answered while others have: its names wait only briefly, and then go elsewhere for nothing."""
        return server.answered == 0 and self.proven > 0 and not server.late

    cdef bint doubtful(self, Server *server) noexcept nogil:
        """It is not asked for a name that has failed before."""
        return self.sound > 0 and (server.answered == 0 or server.silences > 0)

    cdef int ask_streams(self, double now) except -1 nogil:
        """Names for the servers that are asked over TCP only."""
        cdef Name *name
        cdef Server *server
        cdef int i
        for i in range(self.server_count):
            server = &self.servers[i]
            while server.stream and self.stream_room > 0 and self.next_name(&name, server, now):
                name.resolver = server.index
                self.stream_room -= 1
                self.names.aside(name)
        return 0

    cdef int fill(self, double now) except -1 nogil:
        """Send while there are names, slots and servers with room."""
        cdef int family, count
        cdef Port *port
        cdef Name *name
        while self.names.leaving and self.held is not NULL:
            name, self.held = self.held, self.held.next
            self.names.again(name, TIMEOUT, False, now)
        if self.forged and not self.names.blocked():
            self.ask_streams(now)
        if now < self.wait_until or self.names.blocked():
            return 0
        for family in range(2):
            while self.families[family].with_room_count and self.in_flight < self.limit:
                if not self.port_for(&port, family, now):
                    break
                count = self.gather(port, min(min(OUT, self.limit - self.in_flight), PORT_QUERIES - port.sent), now)
                if count == 0:
                    break
                if self.ship(port, count, now) < count:
                    return 0
        self.full = self.full or self.in_flight >= self.limit
        return 0

    cdef void weigh(self, double now) noexcept nogil:
        """Twice as many in flight only while that brings more answers: what waits for longer than it must is no longer
        in the processor's cache when its answer comes."""
        cdef double speed
        if now - self.weighed_at < max(WEIGH_S, 2 * self.rtt):
            return
        speed = (self.answers - self.answers_then) / (now - self.weighed_at)
        if self.tried and speed < GAIN * self.speed:
            self.limit = self.proved
            self.pause = min(2 * self.pause + 4, REST_MAX)
            self.rest = self.pause
        else:
            self.speed = speed
            if self.tried:
                self.pause = 0
            elif self.rest > 0:
                self.rest -= 1
        self.tried = self.full and self.rest == 0 and self.limit < self.slots
        self.proved = self.limit
        if self.tried:
            self.limit = min(2 * self.limit, self.slots)
        self.full = False
        self.weighed_at, self.answers_then = now, self.answers

    cdef int gather(self, Port *port, int most, double now) except -1 nogil:
        """Up to `most` queries for one port, written and entered everywhere; returns how many."""
        cdef int count = 0
        cdef Name *name
        cdef Server *server
        if self.names.query_max:
            most = <int>min(<int64_t>most, self.names.query_max - self.names.queries)
        while count < most:
            server = self.pick(&self.families[port.v6], now)
            if server is NULL:
                break
            if not self.next_name(&name, server, now):
                if not self.doubtful(server):
                    break
                self.shut(server)               # another may take what it may not
                continue
            self.enter(port, name, server, count, now)
            count += 1
        port.sent += count
        self.names.queries += count
        return count

    cdef int enter(self, Port *port, Name *name, Server *server, int at, double now) except -1 nogil:
        """The name is in flight: its query written at place `at` of the batch, itself in the table and on the wheel."""
        cdef double patience = self.timeout_s
        cdef uint8_t *octets = self.out_octets + at * QUERY_MAX
        name.worker, name.exit, name.resolver = WORKER_BASE + port.slot, 0, server.index
        name.sent = now
        if self.unproven(server):
            patience = min(patience, UNPROVEN_S + 8 * self.rtt)
        name.expires = min(self.names.scan_now(now) + patience, name.deadline)
        name.lap = 0
        name.plain = name.plain or not knows_edns(server.manners)
        if server.lap_sent < server.lap_target:
            server.lap_sent += 1
            name.lap = server.lap
            server.lap_full = now
        self.out_sizes[at] = <uint16_t>self.write(at, name, server)
        while found(port, name.message_id) is not NULL:
            memcpy(&name.message_id, roll(&self.dice, 2), 2)
        octets[0], octets[1] = <uint8_t>(name.message_id >> 8), <uint8_t>name.message_id
        self.out_names[at] = name
        enter(port.table, IDS - 1, name)
        self.to_wheel(name)
        port.in_flight += 1
        server.in_flight += 1
        server.manners.tokens -= 1
        server.credit -= 1
        server.counts.queries += 1
        self.in_flight += 1
        return 0

    cdef int write(self, int at, Name *name, Server *server) except -1 nogil:
        """The query's octets, each letter in a random case; returns their count."""
        cdef const uint8_t *drawn = roll(&self.dice, 10)
        cdef uint8_t qname[256]
        cdef int i
        memcpy(&name.case_bits, drawn + 2, 8)
        name.message_id = drawn[0] << 8 | drawn[1]
        if not self.case:
            return <int>write_message(self.out_octets + at * QUERY_MAX, name.message_id, name.qname, name.qname_length,
                                      name.qtype, not name.plain, server.option, server.option_size)
        for i in range(name.qname_length):
            qname[i] = cased(name, i)
        return <int>write_message(self.out_octets + at * QUERY_MAX, name.message_id, qname, name.qname_length,
                                  name.qtype, not name.plain, server.option, server.option_size)

    cdef int ship(self, Port *port, int count, double now) noexcept nogil:
        """Hand the batch to the kernel; returns how many it took. The others are held."""
        cdef int message_of[OUT]
        cdef int messages = self.segments(count, message_of), done = 0, took, trouble
        while done < messages:
            took = sendmmsg(port.fd, self.out_messages + done, messages - done, MSG_DONTWAIT | MSG_NOSIGNAL)
            if took > 0:
                done += took
                continue
            trouble = errno
            if trouble == EINTR:
                continue
            if self.gso and (trouble == EIO or trouble == EINVAL):
                self.gso = False                # this way out cannot segment: again, one by one
            elif not (trouble == EAGAIN or trouble == ENOBUFS or trouble == ENOMEM):
                if self.refused_once != done:   # an ICMP error of before, told here: the send itself was not tried
                    self.refused_once = done
                    continue
                self.names.troubles += 1
            self.refused_once = -1
            self.wait_until = now + BACKOFF_S
            return self.unsent(message_of[done], count, now)
        self.refused_once = -1
        return count

    cdef int segments(self, int count, int *message_of) noexcept nogil:
        """Make messages of the batch: one each, or with GSO one for up to 64 queries of one length. `message_of[i]` is
        the first query of message i; returns their count."""
        cdef int i = 0, size, messages = 0, run
        cdef msghdr *header
        cdef cmsghdr *control
        cdef Server *server
        for run in range(count):
            self.out_pieces[run].iov_base = self.out_octets + run * QUERY_MAX
            self.out_pieces[run].iov_len = self.out_sizes[run]
        if self.gso:
            self.by_length(count)
        while i < count:
            run, size = 1, self.out_sizes[i]
            while self.gso and i + run < count and run < SEGMENTS and self.out_sizes[i + run] == size:
                run += 1
            header = &self.out_messages[messages].msg_hdr
            if not self.single:                 # else the port is connected, which saves the kernel a look-up for each
                server = self.server_of(self.out_names[i])
                header.msg_name, header.msg_namelen = &server.address, server.address_size
            header.msg_iov, header.msg_iovlen = &self.out_pieces[i], run
            header.msg_control, header.msg_controllen = NULL, 0
            if run > 1:
                control = <cmsghdr *>(self.out_control + messages * 32)
                control.cmsg_level, control.cmsg_type, control.cmsg_len = SOL_UDP, UDP_SEGMENT, CMSG_LEN(2)
                (<uint16_t *>CMSG_DATA(control))[0] = <uint16_t>size
                header.msg_control, header.msg_controllen = control, CMSG_SPACE(2)
            message_of[messages] = i
            messages += 1
            i += run
        return messages

    cdef void by_length(self, int count) noexcept nogil:
        """Order the batch by the queries' lengths, so that runs of one length are long (a counting sort)."""
        cdef int first[QUERY_MAX + 1]
        cdef int i, at
        cdef Name *names[OUT]
        cdef uint16_t sizes[OUT]
        memset(first, 0, sizeof(first))
        memcpy(names, self.out_names, count * sizeof(Name *))
        memcpy(sizes, self.out_sizes, count * sizeof(uint16_t))
        for i in range(count):
            first[sizes[i] + 1] += 1
        for i in range(QUERY_MAX):
            first[i + 1] += first[i]
        for i in range(count):
            at = first[sizes[i]]
            first[sizes[i]] += 1
            self.out_names[at], self.out_sizes[at] = names[i], sizes[i]
            self.out_pieces[at].iov_base = self.out_octets + i * QUERY_MAX
            self.out_pieces[at].iov_len = sizes[i]

    cdef int unsent(self, int first, int count, double now) noexcept nogil:
        """Queries that the kernel did not take never left: their names are held, and nothing is spent."""
        cdef int i
        cdef Name *name
        cdef Server *server
        for i in range(first, count):
            name = self.out_names[i]
            server = self.server_of(name)
            if name.lap == server.lap:
                server.lap_sent -= 1
            server.manners.tokens += 1
            server.counts.queries -= 1
            self.leave(name)
            self.names.queries -= 1
            name.next = self.held
            self.held = name
            self.consider(server, now)
        return first

    # -- ports ---------------------------------------------------------------------------------------------------

    cdef int port_for(self, Port **found, int family, double now) except -1 nogil:
        """One of the ports in use, at random; used-up ones are retired, new ones opened. 0 when none can be."""
        cdef Family *here = &self.families[family]
        cdef int at, fd
        if here.port_count == PORTS:
            at = roll(&self.dice, 1)[0] % PORTS
            found[0] = here.ports[at]
            if found[0].sent < PORT_QUERIES:
                return 1
            self.retire(found[0])
        fd = self.opened(family) if now >= here.open_after else -1
        if fd >= 0:
            return self.new_port(found, fd, family, now)
        if now >= here.open_after:              # no more descriptors, or no such address family here
            self.names.troubles += 1
            here.open_after = now + OPEN_AGAIN_S
        for at in range(here.port_count):
            found[0] = here.ports[at]
            if found[0].sent < PORT_QUERIES:
                return 1
        return 0

    cdef int opened(self, bint v6) except -2 with gil:
        """A new socket's descriptor, connected when there is one server only; -1 when there can be none."""
        try:
            sock = self.open_port(bool(v6))
            if self.single:
                sock.connect(self.targets[0].where)
            return sock.detach()
        except OSError as error:
            self.port_trouble = error
            return -1

    cdef int new_port(self, Port **found, int fd, int family, double now) except -1 nogil:
        """Put the descriptor to use; returns 1."""
        cdef Port *port = self.free_ports
        cdef Port **ports
        cdef epoll_event event
        if port is not NULL:
            self.free_ports = port.next_free
        else:
            ports = <Port **>sure(realloc(self.ports, (self.port_count + 1) * sizeof(Port *)))
            self.ports = ports
            port = <Port *>sure(calloc(1, sizeof(Port)))
            port.slot = self.port_count
            ports[self.port_count] = port
            self.port_count += 1
        port.fd, port.v6, port.retired, port.born, port.sent = fd, family, False, now, 0
        memset(port.over, 0, sizeof(port.over))
        event.events = EPOLLIN
        event.data.ptr = port
        epoll_ctl(self.poll, EPOLL_CTL_ADD, fd, &event)
        self.families[family].ports[self.families[family].port_count] = port
        self.families[family].port_count += 1
        found[0] = port
        return 1

    cdef void close_port(self, Port *port) noexcept nogil:
        close(port.fd)                          # which takes it out of the epoll set
        port.fd = -1
        port.next_free = self.free_ports
        self.free_ports = port


cdef int by_key(const void *one, const void *other) noexcept nogil:
    """Order of servers by family, port and address."""
    cdef const Server *first = (<const Server **>one)[0]
    cdef const Server *second = (<const Server **>other)[0]
    cdef int sizes = key_size(&first.address) - key_size(&second.address)
    return sizes if sizes else memcmp(&first.address, &second.address, key_size(&first.address))


cdef bint same_case(const uint8_t *question, Name *name) noexcept nogil:
    """True when each letter came back in the case in which it was sent."""
    cdef int i
    for i in range(name.qname_length):
        if question[i] != cased(name, i):
            return False
    return True
