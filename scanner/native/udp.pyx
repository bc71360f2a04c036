# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""Raw UDP: the slot pool (Linux). One `turn` is four steps: `wait` (which sockets have something), `drain`, `expire`,
`fill`. It reads no clock and never sleeps; whoever has the event loop calls it.

Hard to fool (RFC 5452): message IDs and the case of each letter (0x20) from the kernel's CSPRNG, many source ports, each
for a thousand queries or ten seconds, and only the address and port that was asked may answer. What does not fit is
counted and otherwise as if it had not come.
"""

import socket

from libc.errno cimport EAGAIN, EINTR, EINVAL, EIO, ENOBUFS, ENOMEM, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.math cimport sqrt
from libc.string cimport memcmp, memcpy, memset
from posix.unistd cimport close

from scanner.model import POLICIES
from scanner.native.names cimport BADRESP, CONNECTION, REFUSED, TIMEOUT, Name, Names
from scanner.native.session cimport Peer, random_bytes
from scanner.native.sockets cimport (
    AF_INET, AF_INET6, CMSG_DATA, CMSG_LEN, CMSG_SPACE, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLERR, EPOLLIN, HAVE_BATCHES,
    MSG_DONTWAIT, MSG_ERRQUEUE, MSG_NOSIGNAL, SOL_UDP, UDP_SEGMENT, cmsghdr, epoll_create1, epoll_ctl, epoll_event,
    epoll_wait, iovec, mmsghdr, msghdr, recvmmsg, recvmsg, sendmmsg, sockaddr_in, sockaddr_in6,
)
from scanner.native.table cimport enter, find_place, vacate
from scanner.native.wire cimport FIT_BROKEN, FIT_STRAY, Fit, Response, read_response, write_message

DEF RANDOM = 0
DEF ROUND_ROBIN = 1
DEF EVENTS = 64
DEF TICK_S = 0.004              # of the wheel
DEF WORKER_BASE = 1 << 20       # Name.worker of slot 0: no stream worker has such a number
DEF PORT_S = 10.0               # the life of a port
DEF WINDOW_FIRST = 16.0         # a resolver begins with this many
DEF LAP_LEAST = 8               # queries of the shortest round
DEF LAP_PATIENCE_S = 0.05       # a query of a round counts as lost after this and four round trips
DEF MARGIN = 0.05               # of lost queries above the baseline and its noise: then the window is too large
DEF SIGMAS = 2.5
DEF QUEUE_S = 0.002             # of waiting beyond twice the shortest round trip
DEF STRAYS_NAME = 100
DEF STRAYS_SECOND = 1000
DEF STREAM_QUEUE = 256          # names that wait for the stream of a resolver that is asked over TCP only
DEF UNPROVEN_S = 0.1            # what a resolver that never answered is given, and eight round trips of the others
DEF BACKOFF_S = 0.001           # after a full buffer
DEF SEGMENTS = 64               # of one segmented send (the kernel's UDP_MAX_SEGMENTS)
DEF WORKER_NONE = -1

cdef class Port:
    """A socket and what is in flight on it."""

    def __cinit__(self, object sock, int slot, bint v6, double now):
        self.sock, self.fd, self.slot, self.v6, self.born = sock, sock.fileno(), slot, v6, now

    cdef Name *find(self, int message_id) noexcept:
        cdef int at = find_place(self.table, IDS - 1, message_id)
        return NULL if at < 0 else self.table[at]

    cdef void put(self, Name *name) noexcept:
        enter(self.table, IDS - 1, name)
        self.in_flight += 1

    cdef void remove(self, int message_id) noexcept:
        vacate(self.table, IDS - 1, find_place(self.table, IDS - 1, message_id))
        self.in_flight -= 1


cdef class Server:
    """A resolver's address, its window, and what it has shown of itself."""

    def __init__(self, Peer peer, int index, str address, int port, int scope=0, bytes tags=b""):
        cdef bytes octets = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        cdef sockaddr_in *v4 = <sockaddr_in *>&self.address
        self.peer, self.index, self.tags = peer, index, tags
        self.v6 = len(octets) == 16
        memset(&self.address, 0, sizeof(self.address))
        v4.sin_port = socket.htons(port)        # the same place in both
        if self.v6:
            self.address.sin6_family = AF_INET6
            self.address.sin6_scope_id = scope
            memcpy(&self.address.sin6_addr, <const uint8_t *>octets, 16)
            self.address_size = sizeof(sockaddr_in6)
        else:
            v4.sin_family = AF_INET
            memcpy(<uint8_t *>v4 + 4, <const uint8_t *>octets, 4)
            self.address_size = sizeof(sockaddr_in)
        self.where = (address, port, 0, scope) if self.v6 else (address, port)
        self.place = -1
        self.window = WINDOW_FIRST
        self.threshold = 1e9
        self.lap = 1
        self.lap_target = LAP_LEAST
        self.rtt_least = 1e9
        memcpy(self.option, b"\x00\x0a\x00\x08", 4)     # COOKIE, the client's half: one a server (RFC 7873 section 4.1)
        memcpy(self.option + 4, random_bytes(8), 8)
        self.option_size = 12

    cdef bint room(self, double now) noexcept:
        return (self.in_flight < self.window and now >= self.paused_until and not self.stream
                and self.peer.granted(now, 1) > 0)

    cdef void heard(self, Name *name, double now) noexcept:
        """An answer that fits came."""
        cdef double rtt = now - name.sent
        self.answered += 1
        self.heard_at = now
        self.silences = 0
        self.paused_until = 0
        self.rtt_least = min(self.rtt_least, rtt)
        self.rtt = rtt if self.rtt == 0 else self.rtt + (rtt - self.rtt) / 8
        if name.lap == self.lap:
            self.lap_answered += 1

    cdef void judge_lap(self, double now, double timeout_s) noexcept:
        """A round of the window: grow while nothing is lost beyond the baseline, else halve. When a smaller window loses
        as large a share, the names or the path are to blame and not the rate: that share is the baseline."""
        cdef double share, noise
        if self.lap_sent < self.lap_target:
            return
        if self.lap_answered + self.lap_lost < self.lap_target and now - self.lap_full < 4 * self.rtt + LAP_PATIENCE_S:
            return
        share = 1 - <double>self.lap_answered / self.lap_target
        noise = SIGMAS * sqrt(max(share * (1 - share), 1.0 / self.lap_target) / self.lap_target)
        if self.lap_answered == 0:
            self.fell_silent(now)
        elif self.before and share >= self.share - noise:
            self.baseline, self.window = (share + self.share) / 2, self.before
            self.threshold, self.before = 1e9, 0
        elif share > self.baseline + MARGIN + noise:
            self.share, self.before = share, self.window
            self.window = self.threshold = max(self.window / 2, 1.0)
        else:
            self.before = 0
            self.baseline += (min(share, self.baseline) - self.baseline) / 16
            if self.rtt > self.rtt_least + timeout_s / 4:
                self.window = self.threshold = max(self.window * 0.75, 1.0)
            elif self.rtt < self.rtt_least + timeout_s / 8:
                if self.rtt > 2 * self.rtt_least + QUEUE_S:     # a queue builds up: no more doubling
                    self.threshold = min(self.threshold, self.window)
                self.window += self.lap_target if self.window < self.threshold else 1 + self.window / 256
        self.lap = self.lap % 65535 + 1
        self.lap_target = <int>max(min(self.window, 4096.0), LAP_LEAST)
        self.lap_sent = self.lap_answered = self.lap_lost = 0

    cdef void fell_silent(self, double now) noexcept:
        """A whole round without an answer: feel with single queries, then with pauses between them."""
        self.silences += 1
        self.window = self.threshold = max(self.window / 8, 1.0)
        self.before = 0
        if self.silences > 1:
            self.paused_until = now + min(60.0, 0.5 * (1 << min(self.silences, 10)))

    cdef bint cookie_fits(self, const uint8_t *message, Py_ssize_t length, Py_ssize_t opt) noexcept:
        """False when the answer lacks the cookie that its server gives. Keeps the server's half (RFC 7873 section 5.3)."""
        cdef Py_ssize_t at = opt + 2, end, size
        if opt == 0:
            return not self.cookies
        end = opt + 2 + (message[opt] << 8 | message[opt + 1])
        while at + 4 <= end:
            size = message[at + 2] << 8 | message[at + 3]
            if at + 4 + size > end:
                break
            if message[at] == 0 and message[at + 1] == 10 and 8 <= size <= COOKIE_MAX - 4:
                if memcmp(message + at + 4, self.option + 4, 8) != 0:
                    return False
                if size >= 16:
                    memcpy(self.option, message + at, 4 + size)
                    self.option_size = <int>(4 + size)
                    self.cookies = True
                return True
            at += 4 + size
        return not self.cookies


cdef class Engine:
    """All that is in flight as datagrams. `open_port(v6)` gives a bound non-blocking socket; times in seconds."""

    def __cinit__(self):
        self.poll = -1

    def __init__(self, Names names, servers, *, open_port, int slots=10_000, double timeout_s=2.0, str policy="random",
                 bint gso=False, bint case=True):
        cdef int i
        cdef Server server
        if not HAVE_BATCHES:
            raise OSError("udp:// needs Linux; use tcp://")
        self.names, self.servers, self.open_port = names, list(servers), open_port
        self.by_address = {}
        self.ports, self.current, self.moved, self.streams = [], [[], []], [], []
        self.slots, self.timeout_s, self.policy = slots, timeout_s, POLICIES.index(policy)
        self.single = len(self.servers) == 1
        self.gso = gso and self.single
        self.case = case
        self.wheel_at = self.refused_once = -1
        self.free_slots = []
        self.index_base = (<Server>self.servers[0]).index
        self.poll = epoll_create1(0)
        self.in_octets = <uint8_t *>malloc(BATCH * DATAGRAM)
        self.out_octets = <uint8_t *>malloc(OUT * QUERY_MAX)
        for i in range(2):
            self.with_room[i] = <int *>calloc(len(self.servers), sizeof(int))
            if self.with_room[i] is NULL:
                raise MemoryError
        if self.poll < 0 or self.in_octets is NULL or self.out_octets is NULL:
            raise MemoryError
        for i in range(BATCH):
            self.in_pieces[i].iov_base = self.in_octets + i * DATAGRAM
            self.in_pieces[i].iov_len = DATAGRAM
            self.in_messages[i].msg_hdr.msg_iov = &self.in_pieces[i]
            self.in_messages[i].msg_hdr.msg_iovlen = 1
        for i in range(len(self.servers)):
            server = self.servers[i]
            self.by_address[address_octets(&server.address)] = server
            self.consider(server, 0)

    def __dealloc__(self):
        free(self.in_octets)
        free(self.out_octets)
        free(self.with_room[0])
        free(self.with_room[1])
        if self.poll >= 0:
            close(self.poll)

    def fileno(self) -> int:
        """A descriptor that is readable when there is something to drain."""
        return self.poll

    def close(self) -> None:
        """Close every port; turns and ticks that come later do nothing."""
        self.closed = True
        for port in self.ports:
            if port is not None:
                (<Port>port).sock.close()

    def newly_moved(self) -> list:
        """Servers that went to TCP since the last call, because somebody forges their answers."""
        moved, self.moved = self.moved, []
        return moved

    # -- a turn --------------------------------------------------------------------------------------------------

    def turn(self, double now) -> int:
        """Take in what has come, end what has waited too long, send what there is room for; returns answers taken."""
        cdef epoll_event events[EVENTS]
        cdef int ready, i, settled = 0
        if self.closed:
            return 0
        ready = epoll_wait(self.poll, events, EVENTS, 0)
        for i in range(ready):
            if events[i].events & EPOLLERR:
                self.drain_errors(<Port>events[i].data.ptr, now)
            settled += self.drain(<Port>events[i].data.ptr, now)   # may close the port
        self.expire(now)
        self.fill(now)
        return settled

    def tick(self, double now) -> None:
        """Now and then: rounds that end by time, pauses and buckets, ports that are old."""
        cdef Server server
        if self.closed:
            return
        self.sound = 0
        for server in self.servers:
            self.consider(server, now)
            self.sound += server.answered > 0 and server.silences == 0
        for port in self.ports:
            if port is not None:
                self.age(port, now)

    cdef int age(self, Port port, double now) except -1:
        """Retire a port that is old, and close it when nothing is in flight on it."""
        if not port.retired and now - port.born > PORT_S:
            port.retired = True
            self.current[port.v6].remove(port)
        if port.retired and port.in_flight == 0:
            self.close_port(port)
        return 0

    # -- drain ---------------------------------------------------------------------------------------------------

    cdef int drain(self, Port port, double now) except -1:
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

    cdef int message(self, Port port, const uint8_t *message, Py_ssize_t length, sockaddr_in6 *source,
                     double now) except -1:
        """One datagram: 1 when it settled a name's attempt, 0 when it is not an answer to anything here."""
        cdef Name *name = port.find(message[0] << 8 | message[1]) if length >= 12 else NULL
        cdef Response response
        cdef Server server
        cdef Fit fit
        if name is NULL:
            return self.stray(NULL, source, now)
        server = <Server>self.servers[name.resolver - self.index_base]
        if memcmp(source, &server.address, 8 if not server.v6 else 24) != 0:
            return self.stray(name, source, now)
        response.opt = 0
        fit = read_response(message, length, name.qname, name.qname_length, name.qtype, &response)
        if fit == FIT_STRAY or (fit != FIT_BROKEN and not server.cookie_fits(message, length, response.opt)):
            return self.stray(name, source, now)
        self.proven += server.answered == 0
        server.heard(name, now)
        self.rtt += (now - name.sent - self.rtt) / 64
        self.leave(name)
        self.names.answers += 1
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
            server.peer.told(&response, self.names.settle(name, &response, message, length, now - name.sent, server.tags, now))
        self.consider(server, now)
        return 1

    cdef int stray(self, Name *name, sockaddr_in6 *source, double now) except -1:
        """A datagram that answers nothing. Many of them for one name, or from one server, mean a forger: to TCP."""
        cdef Server server
        self.names.strays += 1
        if name is not NULL:
            name.strays += name.strays < 255
            if name.strays > STRAYS_NAME:
                self.leave(name)
                self.names.aside(name)
        server = self.by_address.get(address_octets(source))
        if server is None or server.stream:
            return 0
        server.late = True
        if now - server.stray_second > 1:
            server.stray_second, server.stray_count = now, 0
        server.stray_count += 1
        if server.stray_count > STRAYS_SECOND:
            server.stream = True
            self.streams.append(server)
            self.moved.append(server)
        return 0

    cdef int drain_errors(self, Port port, double now) except -1:
        """ICMP errors (IP_RECVERR): hints, which anybody can send. One slows a server down that has been silent."""
        cdef msghdr header
        cdef sockaddr_in6 address
        cdef uint8_t control[512]
        cdef Server server
        while True:
            memset(&header, 0, sizeof(header))
            memset(&address, 0, sizeof(address))
            header.msg_name, header.msg_namelen = &address, sizeof(address)
            header.msg_control, header.msg_controllen = control, sizeof(control)
            if recvmsg(port.fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0:
                return 0
            self.unreachable += 1
            server = self.by_address.get(address_octets(&address))
            if server is not None and now - server.heard_at > 0.1 and now >= server.paused_until:
                server.window = 1
                server.threshold = 1
                server.paused_until = now + 0.1
                self.names.troubles += 1

    # -- expire --------------------------------------------------------------------------------------------------

    cdef void to_wheel(self, Name *name) noexcept:
        cdef Name **head = &self.wheel[<int64_t>(name.expires / TICK_S) & (WHEEL - 1)]
        name.before = NULL
        name.next = head[0]
        if head[0] is not NULL:
            head[0].before = name
        head[0] = name

    cdef void from_wheel(self, Name *name) noexcept:
        if name.before is not NULL:
            name.before.next = name.next
        else:
            self.wheel[<int64_t>(name.expires / TICK_S) & (WHEEL - 1)] = name.next
        if name.next is not NULL:
            name.next.before = name.before

    cdef int expire(self, double now) except -1:
        """Attempts whose time is over, on the scan's clock."""
        cdef double clock = self.names.scan_now(now)
        cdef int64_t last = <int64_t>(clock / TICK_S)
        cdef Name *name
        cdef Name *after
        cdef Server server
        if self.wheel_at < 0 or last - self.wheel_at >= WHEEL:
            self.wheel_at = last - WHEEL + 1
        while True:
            name = self.wheel[self.wheel_at & (WHEEL - 1)]
            while name is not NULL:
                after = name.next
                if name.expires <= clock:
                    server = <Server>self.servers[name.resolver - self.index_base]
                    if name.lap == server.lap:
                        server.lap_lost += 1
                    self.leave(name)
                    self.names.again(name, TIMEOUT, not self.unproven(server), now)
                    self.consider(server, now)
                name = after
            if self.wheel_at >= last:
                return 0
            self.wheel_at += 1

    cdef void leave(self, Name *name) noexcept:
        """The attempt is over: out of the port's table, the wheel and the server's count."""
        cdef Port port = <Port>self.ports[name.worker - WORKER_BASE]
        port.remove(name.message_id)
        self.from_wheel(name)
        (<Server>self.servers[name.resolver - self.index_base]).in_flight -= 1
        self.in_flight -= 1

    # -- fill ----------------------------------------------------------------------------------------------------

    cdef void consider(self, Server server, double now) noexcept:
        """Enter the server among those with room, when it has some worth a batch."""
        cdef int family = server.v6
        server.judge_lap(now, self.timeout_s)
        if server.place < 0 and server.in_flight <= server.window - min(server.window / 4, OUT) and server.room(now):
            server.place = self.with_room_count[family]
            self.with_room[family][server.place] = server.index - self.index_base
            self.with_room_count[family] += 1

    cdef void shut(self, Server server) noexcept:
        """Out of the list; the last one takes its place."""
        cdef int family = server.v6
        cdef int *list_ = self.with_room[family]
        self.with_room_count[family] -= 1
        list_[server.place] = list_[self.with_room_count[family]]
        (<Server>self.servers[list_[server.place]]).place = server.place
        server.place = -1

    cdef Server pick(self, int family, double now):
        """A server with room by the policy; None when there is none."""
        cdef int count
        cdef uint64_t drawn
        cdef Server server
        while True:
            count = self.with_room_count[family]
            if count == 0:
                return None
            if self.policy == RANDOM and count > 1:
                memcpy(&drawn, random_bytes(8), 8)
                self.turn_of = <int>(drawn % <uint64_t>count)
            elif self.policy == ROUND_ROBIN:
                self.turn_of += 1
            server = <Server>self.servers[self.with_room[family][self.turn_of % count]]
            if server.room(now):
                return server
            self.shut(server)

    cdef Name *next_name(self, Server server, double now) except? NULL:
        cdef Name *name = self.held
        if name is not NULL:
            self.held = name.next
            return name
        if self.doubtful(server):
            return self.names.newcomer(now)
        return self.names.take(WORKER_NONE, 0, server.index, now, False)

    cdef bint unproven(self, Server server) noexcept:
        """It has never answered while others have: its names wait only briefly, and then go elsewhere for nothing."""
        return server.answered == 0 and self.proven > 0 and not server.late

    cdef bint doubtful(self, Server server) noexcept:
        """It is not asked for a name that has failed before."""
        return self.sound > 0 and (server.answered == 0 or server.silences > 0)

    cdef int ask_streams(self, double now) except -1:
        """Names for the servers that are asked over TCP only."""
        cdef Name *name
        cdef Server server
        for server in self.streams:
            while server.index not in self.names.asides or self.names.asides[server.index].queued < STREAM_QUEUE:
                name = self.next_name(server, now)
                if name is NULL:
                    return 0
                name.resolver = server.index
                self.names.aside(name)
        return 0

    cdef int fill(self, double now) except -1:
        """Send while there are names, slots and servers with room."""
        cdef int family, count
        cdef Port port
        if self.streams and not self.names.blocked():
            self.ask_streams(now)
        if now < self.wait_until or self.names.blocked():
            return 0
        for family in range(2):
            while self.with_room_count[family] and self.in_flight < self.slots:
                port = self.port_for(family, now)
                if port is None:
                    break
                count = self.gather(port, min(min(OUT, self.slots - self.in_flight), PORT_QUERIES - port.sent), now)
                if count == 0:
                    break
                if self.ship(port, count, now) < count:
                    return 0
        return 0

    cdef int gather(self, Port port, int most, double now) except -1:
        """Up to `most` queries for one port, written and entered everywhere; returns how many."""
        cdef double clock = self.names.scan_now(now), patience
        cdef int count = 0
        cdef Name *name
        cdef Server server
        while count < most:
            server = self.pick(port.v6, now)
            if server is None:
                break
            name = self.next_name(server, now)
            if name is NULL and self.doubtful(server):  # another may take what it may not
                self.shut(server)
                continue
            if name is NULL:
                break
            name.worker, name.exit, name.resolver = WORKER_BASE + port.slot, 0, server.index
            name.sent = now
            patience = self.timeout_s
            if self.unproven(server):
                patience = min(patience, UNPROVEN_S + 8 * self.rtt)
            name.expires = min(clock + patience, name.deadline)
            name.lap = 0
            name.plain = name.plain or not server.peer.knows_edns()
            if server.lap_sent < server.lap_target:
                server.lap_sent += 1
                name.lap = server.lap
                server.lap_full = now
            self.out_sizes[count] = self.write(count, name, server)
            while port.find(name.message_id) is not NULL:
                memcpy(&name.message_id, random_bytes(2), 2)
            self.out_octets[count * QUERY_MAX] = <uint8_t>(name.message_id >> 8)
            self.out_octets[count * QUERY_MAX + 1] = <uint8_t>name.message_id
            self.out_names[count] = name
            port.put(name)
            self.to_wheel(name)
            server.in_flight += 1
            server.peer.tokens -= 1
            self.in_flight += 1
            count += 1
        port.sent += count
        self.names.queries += count
        return count

    cdef int write(self, int at, Name *name, Server server) except -1:
        """The query's octets, each letter in a random case; returns their count."""
        cdef const uint8_t *drawn = random_bytes(10)
        cdef uint8_t cased[256]
        cdef int i
        cdef uint8_t octet
        memcpy(&name.case_bits, drawn + 2, 8)
        name.message_id = drawn[0] << 8 | drawn[1]
        if not self.case:
            return <int>write_message(self.out_octets + at * QUERY_MAX, name.message_id, name.qname, name.qname_length,
                                      name.qtype, not name.plain, server.option, server.option_size)
        for i in range(name.qname_length):
            octet = name.qname[i]
            if <uint8_t>((octet | 32) - 97) < 26:
                octet = (octet | 32) ^ <uint8_t>(((name.case_bits >> (i & 63)) & 1) << 5)
            cased[i] = octet
        return <int>write_message(self.out_octets + at * QUERY_MAX, name.message_id, cased, name.qname_length,
                                  name.qtype, not name.plain, server.option, server.option_size)

    cdef int ship(self, Port port, int count, double now) except -1:
        """Hand the batch to the kernel; returns how many it took. The others are held."""
        cdef int message_of[OUT]
        cdef int messages = self.segments(port, count, message_of), done = 0, took, trouble
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
            return self.unsent(port, message_of[done], count, now)
        self.refused_once = -1
        return count

    cdef int segments(self, Port port, int count, int *message_of) except -1:
        """Make messages of the batch: one each, or with GSO one for up to 64 queries of one length. `message_of[i]` is
        the first query of message i; returns their count."""
        cdef int first[QUERY_MAX + 1]
        cdef int i, size, messages = 0, run
        cdef Name *names[OUT]
        cdef uint16_t sizes[OUT]
        cdef int order[OUT]
        cdef msghdr *header
        cdef cmsghdr *control
        cdef Server server
        if self.gso:                            # counting sort by length
            memset(first, 0, sizeof(first))
            for i in range(count):
                first[self.out_sizes[i] + 1] += 1
            for i in range(QUERY_MAX):
                first[i + 1] += first[i]
            for i in range(count):
                order[first[self.out_sizes[i]]] = i
                first[self.out_sizes[i]] += 1
            memcpy(names, self.out_names, count * sizeof(Name *))
            memcpy(sizes, self.out_sizes, count * sizeof(uint16_t))
        for i in range(count):
            if self.gso:
                self.out_names[i], self.out_sizes[i] = names[order[i]], sizes[order[i]]
            self.out_pieces[i].iov_base = self.out_octets + (order[i] if self.gso else i) * QUERY_MAX
            self.out_pieces[i].iov_len = self.out_sizes[i]
        i = 0
        while i < count:
            run, size = 1, self.out_sizes[i]
            while self.gso and i + run < count and run < SEGMENTS and self.out_sizes[i + run] == size:
                run += 1
            header = &self.out_messages[messages].msg_hdr
            server = <Server>self.servers[self.out_names[i].resolver - self.index_base]
            if not self.single:                 # else the port is connected, which saves the kernel a look-up for each
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

    cdef int unsent(self, Port port, int first, int count, double now) except -1:
        """Queries that the kernel did not take never left: their names are held, and nothing is spent."""
        cdef int i
        cdef Name *name
        cdef Server server
        for i in range(first, count):
            name = self.out_names[i]
            server = <Server>self.servers[name.resolver - self.index_base]
            if name.lap == server.lap:
                server.lap_sent -= 1
            server.peer.tokens += 1
            self.leave(name)
            self.names.queries -= 1
            name.next = self.held
            self.held = name
            self.consider(server, now)
        return first

    # -- ports ---------------------------------------------------------------------------------------------------

    cdef Port port_for(self, int family, double now):
        """One of the ports in use, at random; used-up ones are retired, new ones opened. None when none can be."""
        cdef list current = <list>self.current[family]
        cdef int at
        cdef Port port
        cdef epoll_event event
        if len(current) == PORTS:
            at = random_bytes(1)[0] % PORTS
            port = <Port>current[at]
            if port.sent < PORT_QUERIES:
                return port
            port.retired = True
            del current[at]
            if port.in_flight == 0:
                self.close_port(port)
        try:
            sock = self.open_port(bool(family))
            if self.single:
                sock.connect((<Server>self.servers[0]).where)
        except OSError:                         # no more descriptors, or no such address family here
            self.names.troubles += 1
            self.wait_until = now + 0.05
            live = [each for each in current if (<Port>each).sent < PORT_QUERIES]
            return <Port>live[0] if live else None
        at = self.free_slot()
        port = Port(sock, at, family, now)
        self.ports[at] = port
        event.events = EPOLLIN
        event.data.ptr = <void *>port
        epoll_ctl(self.poll, EPOLL_CTL_ADD, port.fd, &event)
        current.append(port)
        return port

    cdef int free_slot(self) except -1:
        if self.free_slots:
            return self.free_slots.pop()
        self.ports.append(None)
        return <int>len(self.ports) - 1

    cdef int close_port(self, Port port) except -1:
        epoll_ctl(self.poll, EPOLL_CTL_DEL, port.fd, NULL)
        port.sock.close()
        self.ports[port.slot] = None
        self.free_slots.append(port.slot)
        return 0


cdef bytes address_octets(sockaddr_in6 *address):
    """Family, port and address: what tells two sources apart."""
    if address.sin6_family == AF_INET6:
        return (<const char *>address)[:24]
    return (<const char *>address)[:8]


cdef bint same_case(const uint8_t *question, Name *name) noexcept:
    """True when each letter came back in the case in which it was sent."""
    cdef int i
    cdef uint8_t octet
    for i in range(name.qname_length):
        octet = name.qname[i]
        if <uint8_t>((octet | 32) - 97) < 26:
            octet = (octet | 32) ^ <uint8_t>(((name.case_bits >> (i & 63)) & 1) << 5)
        if question[i] != octet:
            return False
    return True
