# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""What comes at the sockets, and what it means for the query that it answers, or does not."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcmp, memset

from scanner.native.exchange cimport find
from scanner.native.jobs.job cimport CAUSE_CASE, CAUSE_COOKIE, CAUSE_FORGED, CAUSE_NONE, CAUSE_SIZE, Job, Query, StreamCause
from scanner.native.memory cimport LINE_OCTETS, prefetch
from scanner.native.message.letters cimport WORD, in_case, word_at
from scanner.native.message.response cimport BADCOOKIE, FIT_BROKEN, FIT_STRAY, Fit, Response, read_response
from scanner.native.pacing.window cimport leave, pause_unreachable, prove_loss, respond, see_cure, see_too_late
from scanner.native.path cimport DISTRUSTED, learn
from scanner.native.round_trips cimport learn_round_trip, was_cured, was_needless
from scanner.native.sockets cimport MSG_DONTWAIT, MSG_ERRQUEUE, msghdr, recvmsg, sockaddr_in6
from scanner.native.tally cimport CASE_LOST, LOSSES, PAUSES, STRAYS, TRUNCATED, UNREACHABLE, count_response
from scanner.native.udp.batch cimport DATAGRAM, IN
from scanner.native.udp.path cimport CASE_FAILURES_MAX, UdpPath, blame_cookie, cookie_fits, key_size, see_delivery
from scanner.native.udp.ports cimport Port, mark, unmark
from scanner.native.verdict cimport BADRESP, REFUSED, TIMEOUT

cdef enum:
    ROUNDS = 16                 # receiving calls for one socket in a turn
    WARMED = 8                  # datagrams that are looked at ahead
    STRANGE = 0                 # what a message is to a query: no answer to it,
    ANSWERED = 1                # the end of it,
    AWAITED = 2                 # or not enough, and it goes on
    STRAYS_QUERY = 100          # messages with a query's key that are no answer to it: it goes to TCP
    STRAYS_SECOND = 1000        # from one server: it goes to TCP
    LIMIT_LEAST = 64            # however often responses were dropped here
    BADCOOKIES = 2              # of one job: then it goes to TCP (RFC 7873 section 5.3)
cdef const double LIMIT_NEAR = 0.75     # of the limit with which responses were dropped: from there on it grows slowly
cdef const double LIMIT_STEEP = 0.125   # more for each response until then,
cdef const double LIMIT_SLOW = 0.002    # and from then on, and one for as many as may be in flight
cdef const double COOKIE_WAIT_S = 0.05  # and two round trips, for an answer with the cookie after one without


cdef bint same_case(const uint8_t *question, const Job *job, const Query *query) noexcept nogil:
    """True when each letter came back in the case in which it was sent."""
    cdef int at = 0, left = job.qname_length
    while left > 0:
        if word_at(question + at, left) != in_case(word_at(job.qname + at, left), query.case_bits, at // WORD):
            return False
        at += WORD
        left -= WORD
    return True


cdef class DatagramReader(PathChoice):
    """The part of an engine that reads; it asks nothing."""

    cdef int drain(self, Port *port, double now) except -1 nogil:
        """Everything that waits at a socket."""
        cdef int got = IN, index, settled = 0, rounds = 0
        while got == IN and rounds < ROUNDS:
            rounds += 1
            got = self.received.receive(port.fd)
            for index in range(got):
                if index % WARMED == 0:
                    self.warm(port, index, min(index + WARMED, got))
                self.came = max(self.received.came(index), self.before)
                settled += self.message(port, self.received.octets + index * DATAGRAM,
                                        self.received.messages[index].msg_len, &self.received.sources[index], now)
            if got > 0:
                self.see_overrun(port, self.received.dropped(got - 1))
        self.ports.let_go(port)
        return settled

    cdef void warm(self, Port *port, int first, int behind) noexcept nogil:
        """Have what these datagrams ask for on its way into the cache, all of it at once instead of one after the other."""
        cdef Query *queries[WARMED]
        cdef int index, line, count = 0
        cdef const uint8_t *message
        for index in range(first, behind):
            message = self.received.octets + index * DATAGRAM
            queries[count] = find(&port.channel, message[0] << 8 | message[1])
            if queries[count] is not NULL:
                prefetch(queries[count])
                prefetch(<char *>queries[count] + LINE_OCTETS)
                count += 1
        for index in range(count):
            for line in range(<int>(sizeof(UdpPath) // LINE_OCTETS)):
                prefetch(<char *>&self.paths[queries[index].path] + line * LINE_OCTETS)
            if queries[index].job is not NULL:
                prefetch(queries[index].job)
                prefetch(<char *>queries[index].job + LINE_OCTETS)

    cdef void see_overrun(self, Port *port, uint32_t dropped) noexcept nogil:
        """Responses came faster than this machine took them: less may be in flight, whatever the paths could carry."""
        if dropped > port.dropped:
            self.overruns += dropped - port.dropped
            port.dropped = dropped
            self.limit = min(self.limit, self.were_in_flight)
            self.steep_until = LIMIT_NEAR * self.limit
            self.limit = max(self.limit / 2, <double>LIMIT_LEAST)

    cdef bint message(self, Port *port, const uint8_t *message, Py_ssize_t length, sockaddr_in6 *source,
                      double now) except -1 nogil:
        """One datagram: True when it ended a query, False when it is not an answer to anything here."""
        cdef int message_id = message[0] << 8 | message[1] if length >= 12 else -1
        cdef Query *query = find(&port.channel, message_id) if message_id >= 0 else NULL
        cdef UdpPath *path
        cdef int understood
        if query is NULL:
            return self.stray(port, message_id, NULL, source, now)
        path = &self.paths[query.path]
        if memcmp(source, &path.address, key_size(&path.address)) != 0:
            return self.stray(port, message_id, query, source, now)
        understood = self.understand(query, path, message, length, now)
        if understood == STRANGE:
            return self.stray(port, message_id, query, source, now)
        self.consider(path, now)
        return understood == ANSWERED

    cdef int understand(self, Query *query, UdpPath *path, const uint8_t *message, Py_ssize_t length,
                        double now) except -1 nogil:
        """What a message from the right place means for the query, which is over when that is ANSWERED."""
        cdef Job *job = query.job
        cdef double rtt
        cdef Response response
        cdef Fit fit
        cdef StreamCause cause
        cdef bint revealed, refused
        cdef int route
        self.came = max(self.came, query.sent)  # the wall clock may have been set
        rtt = self.came - query.sent
        if job is NULL:                         # finished by its other query: this one's ID is free again
            self.account(query, path, now)
            count_response(path.counts, rtt)
            if not query.departure.is_early:    # so it was not lost, as it had seemed
                was_needless(&path.trips)
            self.hear(query, path, now)
            self.exchange.end(query)
            return ANSWERED
        fit = read_response(message, length, job.qname, job.qname_length, job.qtype, self.pool.asking.form.qclass,
                            &response)
        if fit == FIT_STRAY:
            return STRANGE
        if query.edns and fit != FIT_BROKEN and not cookie_fits(&path.cookie, message, length, response.opt):
            return self.await_cookie(query, path, now)
        if path.answered == 0:
            for route in range(path.route_count):
                self.companies[path.routes[route]].proven += 1
        path.answered += 1
        path.heard_at = now
        count_response(path.counts, rtt)
        if job.in_flight > 1:
            self.learn_from_many(query, path)
        self.hear(query, path, now)
        self.rtt += (rtt - self.rtt) / (64 if self.rtt else 1)
        self.exchange.heard(now)
        if self.pool.suffixes is not None:
            self.pool.routes[job.route].heard = True
        self.account(query, path, now)
        if path.habits.trust == DISTRUSTED:
            self.exchange.end(query)
            self.pool.retry_or_fail(job, TIMEOUT, False, now)
            return ANSWERED
        cause = self.doubt(query, path, message, &response, fit, now)
        if cause != CAUSE_NONE:
            self.to_stream(query, cause)
        elif fit == FIT_BROKEN:
            job.rcode = message[3] & 0x0F
            self.exchange.end(query)
            self.pool.retry_or_fail(job, BADRESP, True, now)
        elif response.rcode == BADCOOKIE and query.edns:    # once more with the cookie that came with it
            self.exchange.end(query)
            self.pool.retry_or_fail(job, REFUSED, False, now)
        else:
            revealed = not query.edns and job.edns_silence
            refused = self.pool.respond(query, &response, message, length, path.tags, path.resolver, now)
            learn(path.habits, &response, refused or revealed)
        return ANSWERED

    cdef void hear(self, Query *query, UdpPath *path, double now) noexcept nogil:
        """A response came, whatever it is worth."""
        self.let_leave(query, path, now)
        respond(&path.pacing, &query.departure, query.sent, self.came, now)
        learn_round_trip(&path.trips, self.came - query.sent)
        see_delivery(path, True)
        if self.overruns == 0:
            self.limit += 1
        else:
            self.limit += LIMIT_STEEP if self.limit < self.steep_until else LIMIT_SLOW + 1 / self.limit
        self.limit = min(self.limit, <double>self.slots)

    cdef void learn_from_many(self, Query *query, UdpPath *path) noexcept nogil:
        """One of several queries of a job was answered: was it right to ask again?"""
        cdef Query *older = query.older
        cdef int left = <int>query.job.in_flight - 1
        if query.job.newest != query:
            was_needless(&path.trips)
            see_cure(&path.pacing, False)
            return
        was_cured(&self.paths[older.path].trips)
        see_cure(&self.paths[older.path].pacing, True)
        while left > 0:
            prove_loss(&self.paths[older.path].pacing, &older.departure, older.sent)
            older = older.older
            left -= 1

    cdef StreamCause doubt(self, Query *query, UdpPath *path, const uint8_t *message, const Response *response, Fit fit,
                           double now) noexcept nogil:
        """Why a response that came for the query is not enough, and TCP is to be asked."""
        cdef Job *job = query.job
        if self.case and message[5] and path.case_failures < CASE_FAILURES_MAX and not same_case(message + 12, job, query):
            path.counts.counts[<int>CASE_LOST] += 1
            return CAUSE_CASE
        if response.truncated:
            path.counts.counts[<int>TRUNCATED] += 1
            if path.moves_when_cut and not path.by_stream:
                path.by_stream = True
                self.forged += 1
            job.cut = True
            job.rcode = message[3] & 0x0F if fit == FIT_BROKEN else response.rcode
            return CAUSE_SIZE
        if fit != FIT_BROKEN and response.rcode == BADCOOKIE and query.edns:    # else no cookie was sent to be bad
            job.badcookies += 1
            if job.badcookies >= BADCOOKIES or path.cookie.size == 0:
                blame_cookie(&path.cookie, now)
                return CAUSE_COOKIE
        return CAUSE_NONE

    cdef int await_cookie(self, Query *query, UdpPath *path, double now) noexcept nogil:
        """An answer without the cookie that its server gives is discarded (RFC 7873 section 5.3). One with it may yet
        come, where the first was forged; else the server has none any more, and TCP is asked (`expire`)."""
        path.counts.counts[<int>STRAYS] += 1
        query.strays += query.strays < 255
        if query.strays > STRAYS_QUERY:
            return STRANGE
        if not query.awaits_cookie:             # it came: the window is not too large
            self.hear(query, path, now)
            path.awaiting += 1
        query.awaits_cookie = True
        query.ends = min(query.ends, self.pool.scan_now(now) + COOKIE_WAIT_S + 2 * self.rtt)
        self.exchange.hasten(query, query.ends)
        return AWAITED

    cdef int to_stream(self, Query *query, StreamCause cause) except -1 nogil:
        """The query is over, and its job goes to a stream whatever its other query may bring."""
        cdef Job *job = query.job
        self.exchange.settle(query)
        return self.pool.by_stream(job, cause)

    cdef int stray(self, Port *port, int message_id, Query *query, sockaddr_in6 *source, double now) except -1 nogil:
        """A datagram that answers nothing. Many of them for one query, or from one server, mean a forger: to TCP. One
        that comes late, or twice, is not forged; its server is alive."""
        cdef UdpPath *path
        if query is not NULL:
            query.strays += query.strays < 255
            if query.strays > STRAYS_QUERY and query.job is not NULL:
                path = &self.paths[query.path]
                path.counts.counts[<int>LOSSES] += 1
                self.account(query, path, now)
                self.to_stream(query, CAUSE_FORGED)
                query = NULL
        path = self.path_at(source)
        if path is NULL:
            self.strangers.add_one(STRAYS)
            return 0
        path.counts.counts[<int>STRAYS] += 1
        if path.by_stream:
            return 0
        path.late = True
        if query is NULL and message_id >= 0 and unmark(port.over, message_id):
            path.pacing.paused_until = 0
            if unmark(port.given_up, message_id):
                see_too_late(&path.pacing, now)
            return 0
        return self.count_stray(path, now)

    cdef int count_stray(self, UdpPath *path, double now) noexcept nogil:
        """One more from this server in this second."""
        if now - path.stray_second > 1:
            path.stray_second, path.stray_count = now, 0
        path.stray_count += 1
        if path.stray_count > STRAYS_SECOND:
            path.by_stream = True
            self.forged += 1
        return 0

    cdef void drain_errors(self, Port *port, double now) noexcept nogil:
        """ICMP errors (IP_RECVERR): hints, which anybody can send. One slows a path down that has been silent."""
        cdef msghdr header
        cdef sockaddr_in6 address
        cdef uint8_t control[512]
        cdef UdpPath *path
        while True:
            memset(&header, 0, sizeof(header))
            memset(&address, 0, sizeof(address))
            header.msg_name, header.msg_namelen = &address, sizeof(address)
            header.msg_control, header.msg_controllen = control, sizeof(control)
            if recvmsg(port.fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0:
                return
            path = self.path_at(&address)
            if path is NULL:
                self.strangers.add_one(UNREACHABLE)
                continue
            path.counts.counts[<int>UNREACHABLE] += 1
            if now - path.heard_at > 0.1 and now >= path.pacing.paused_until:
                pause_unreachable(&path.pacing, now)
                path.counts.counts[<int>PAUSES] += 1
                self.exchange.troubles += 1

    cdef void let_leave(self, Query *query, UdpPath *path, double now) noexcept nogil:
        """The query holds no place in its path's window any more."""
        self.in_flight -= query.departure.holds
        leave(&path.pacing, &query.departure, now)

    cdef void account(self, Query *query, UdpPath *path, double now) noexcept nogil:
        """The query is no longer its port's nor its path's; one more response to it is not a forgery."""
        cdef Port *port = <Port *>query.channel.carrier
        cdef uint16_t message_id = <uint16_t>query.key
        self.let_leave(query, path, now)
        path.awaiting -= query.awaits_cookie
        mark(port.over, message_id)
