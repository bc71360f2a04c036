# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
# cython: freethreading_compatible=True
"""Setting up a path of datagrams, and keeping its cookie (RFC 7873)."""

import socket

from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy

from scanner.native.pacing.model cimport begin_pacing
from scanner.native.round_trips cimport begin_round_trips
from scanner.native.sockets cimport AF_INET, AF_INET6, sockaddr_in

cdef const double COOKIE_REST_S = 60.0


cdef int begin_path(UdpPath *path, str address, int port, int scope, const uint8_t *secret, double *spare) except -1:
    """A path that has not been asked yet, in zeroed memory. `secret`: 8 octets, the client's half of its cookie; `spare`:
    tokens of all paths together."""
    cdef bytes octets = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
    cdef sockaddr_in *v4 = <sockaddr_in *>&path.address
    path.v6 = len(octets) == 16
    v4.sin_port = socket.htons(port)        # the same place in both
    if path.v6:
        path.address.sin6_family = AF_INET6
        path.address.sin6_scope_id = scope
        memcpy(&path.address.sin6_addr, <const uint8_t *>octets, 16)
        path.address_size = sizeof(path.address)
    else:
        v4.sin_family = AF_INET
        memcpy(<uint8_t *>v4 + 4, <const uint8_t *>octets, 4)
        path.address_size = sizeof(v4[0])
    path.place = -1
    path.delivered = 1
    begin_pacing(&path.pacing)
    begin_round_trips(&path.trips, spare)
    memcpy(path.cookie.option, b"\x00\x0a\x00\x08", 4)  # COOKIE, the client's half: one a server (RFC 7873 section 4.1)
    memcpy(path.cookie.option + 4, secret, 8)
    path.cookie.size = 12
    return 0


cdef void blame_cookie(Cookie *cookie, double now) noexcept nogil:
    """A name had to go to TCP for the cookie's sake. Servers are restarted without, and behind one address may be several
    that do not share their secret: where that happens again and again, cookies have a rest."""
    cookie.trouble += COOKIE_TROUBLE
    if cookie.trouble >= COOKIE_TROUBLE_MAX:
        cookie.size = 0
        cookie.is_given = False
        cookie.trouble = COOKIE_TROUBLE_MAX // 2
        cookie.rests_until = now + COOKIE_REST_S


cdef void resume_cookie(Cookie *cookie, double now) noexcept nogil:
    """Send our half again, after a rest."""
    if cookie.size == 0 and now >= cookie.rests_until:
        cookie.option[2], cookie.option[3] = 0, 8
        cookie.size = 12


cdef bint cookie_fits(Cookie *cookie, const uint8_t *message, Py_ssize_t length, Py_ssize_t opt) noexcept nogil:
    """False when the answer lacks the cookie that its server gives. Keeps the server's half (RFC 7873 section 5.3)."""
    cdef Py_ssize_t at = opt + 2, end, size
    if cookie.size == 0:
        return True
    if opt == 0:
        return not cookie.is_given
    end = opt + 2 + (message[opt] << 8 | message[opt + 1])
    while at + 4 <= end:
        size = message[at + 2] << 8 | message[at + 3]
        if at + 4 + size > end:
            break
        if message[at] == 0 and message[at + 1] == 10 and 8 <= size <= COOKIE_MAX - 4:
            if memcmp(message + at + 4, cookie.option + 4, 8) != 0:
                return False
            if size >= 16:
                memcpy(cookie.option, message + at, 4 + size)
                cookie.size = <int>(4 + size)
                cookie.is_given = True
            cookie.trouble -= cookie.trouble > 0
            return True
        at += 4 + size
    return not cookie.is_given
