"""What is said to a SOCKS5 proxy (RFC 1928), with user and password where it wants them (RFC 1929), and what its
replies mean. It sends nothing, and reads nothing itself.

In lockstep, one message and its reply at a time: microsocks hangs on messages that come together. Only what decides is
looked at. The version of the reply to a password (some proxies say 5 for 1), the reserved octet, and the address that
the proxy is bound to (a name in whatever octets) decide nothing.
"""

from collections.abc import Generator
from ipaddress import ip_address

from scanner.transports.dial_error import DialError

Steps = Generator[tuple[bytes, int], bytes, None]  # gives what to send, and how many octets of reply to come back with

VERSION, CONNECT = 5, 1
NO_PASSWORD, PASSWORD, NONE_FITS = 0, 2, 0xFF
IPV4, NAME, IPV6 = 1, 3, 4
PORT_SIZE = 2
ADDRESS_SIZES = {IPV4: 4, IPV6: 16}
NAME_MAX = 255  # octets
REPLIES = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "TTL expired",
    7: "it knows no CONNECT",
    8: "it knows no addresses of this type",
}
RESOLVER_UNREACHABLE = {3, 4, 5, 6}  # replies about the other end, not about the proxy
TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert, a handshake
SOCKS4_REPLIES = (b"\x00\x5a", b"\x00\x5b", b"\x00\x5c", b"\x00\x5d")


def handshake(host: str, port: int, user: str | None, password: str | None) -> Steps:
    """From the greeting to the last octet of the reply to CONNECT. Raises DialError."""
    methods = bytes([NO_PASSWORD] if user is None else [NO_PASSWORD, PASSWORD])
    method = chosen(methods, (yield bytes([VERSION, len(methods)]) + methods, 2))
    if method == PASSWORD:
        _, status = yield login(user or "", password or ""), 2
        if status:
            raise DialError("proxy", "it does not take this user and password")
    version, code = yield bytes([VERSION, CONNECT, 0]) + address_of(host) + port.to_bytes(PORT_SIZE, "big"), 2
    if version != VERSION:
        raise DialError("proxy", f"not the reply of a SOCKS5 proxy: version {version}")
    if code:
        raise DialError("connection" if code in RESOLVER_UNREACHABLE else "proxy", REPLIES.get(code, f"reply {code}"))
    _, kind = yield b"", 2
    if kind == NAME:
        size = (yield b"", 1)[0]
    elif kind in ADDRESS_SIZES:
        size = ADDRESS_SIZES[kind]
    else:
        raise DialError("proxy", f"not the reply of a SOCKS5 proxy: address type {kind}")
    yield b"", size + PORT_SIZE


def chosen(methods: bytes, reply: bytes) -> int:
    """The method that the proxy chose. Raises DialError where it is none of ours, or no SOCKS5."""
    version, method = reply
    if version != VERSION:
        raise DialError("proxy", other_protocol(reply))
    if method in methods:
        return method
    if method == PASSWORD or (method == NONE_FITS and PASSWORD not in methods):
        raise DialError("proxy", "it wants a user and a password")
    if method == NONE_FITS:
        raise DialError("proxy", "it takes clients neither with a password nor without")
    raise DialError("proxy", f"it wants authentication by method {method}, which is not known here")


def other_protocol(reply: bytes) -> str:
    """What speaks there instead, by the first two octets that it said."""
    if reply == b"HT":
        return "not the reply of a SOCKS5 proxy: does it speak HTTP? Then write http://"
    if reply in TLS_RECORDS:
        return "not the reply of a SOCKS5 proxy: does it speak TLS? That is not known here"
    if reply in SOCKS4_REPLIES:
        return "not the reply of a SOCKS5 proxy: does it speak SOCKS4? That is not known here"
    return "not the reply of a SOCKS5 proxy: does it speak SOCKS5? An HTTP proxy is written http://"


def login(user: str, password: str) -> bytes:
    """User and password in UTF-8, at most 255 octets each; a password may be empty."""
    return b"\x01" + sized(user.encode()) + sized(password.encode())


def sized(octets: bytes) -> bytes:
    """Their number before them."""
    return bytes([len(octets)]) + octets


def address_of(host: str) -> bytes:
    """An IP address, or a name that the proxy looks up. Raises DialError for what can be neither."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        name = host.encode("ascii", "replace")
        if not 0 < len(name) <= NAME_MAX:
            raise DialError("connection", "a host name has 1 to 255 octets") from None
        return bytes([NAME]) + sized(name)
    return bytes([IPV4 if address.version == 4 else IPV6]) + address.packed
