"""What is said to an HTTP proxy (CONNECT, RFC 9110 section 9.3.6), and where its reply ends. It sends nothing, and
reads nothing itself.

Of a reply only the status lines and the empty line that ends it mean anything here: a 2xx has no content, whatever its
header says, and any octet behind it is the other end's. So no header is kept, and none is checked, which a library
would do.
"""

import re
from base64 import b64encode

from scanner.model import place_text
from scanner.text import printable
from scanner.transports.dial_error import DialError

REPLY_MAX = 1 << 18  # octets of a reply, responses before the last one (1xx) included
LINE_MAX = 1024  # octets of a line that are kept
SHOWN_MAX = 80  # characters of what a proxy says that are shown
STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})(?: (.*))?")
SWITCHING_PROTOCOLS = 101  # no step on the way to an answer, and nothing that we asked for
PASSWORD_WANTED = 407
RESOLVER_UNREACHABLE = {502, 503, 504}  # answers about the other end, not about the proxy
TLS_RECORDS = (0x15, 0x16)  # an alert, a handshake


def connect_request(host: str, port: int, user: str | None, password: str | None) -> bytes:
    """The request; user and password in UTF-8 (RFC 7617)."""
    place = place_text(host.partition("%")[0], port)
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}", "User-Agent: dnsscan"]
    if user is not None:
        credentials = b64encode(f"{user}:{password or ''}".encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {credentials}")
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("ascii", "replace")


class ConnectReply:
    """The reply as it arrives, in whatever pieces."""

    def __init__(self) -> None:
        self.is_complete = False  # the empty line of a 2xx was taken: what follows belongs to the tunnel
        self._line = b""  # the begin of a line whose end has not come, at most LINE_MAX octets
        self._status = 0  # of the response whose header is being read, 0 before its status line
        self._size = 0  # octets taken

    def take(self, octets: bytes) -> int:
        """How many of these octets are the reply's: all, until it is complete. Raises DialError."""
        at = 0
        while at < len(octets) and not self.is_complete:
            end = octets.find(b"\n", at) + 1 or len(octets)
            self._line = (self._line + octets[at:end])[:LINE_MAX]
            if octets[end - 1 : end] == b"\n":
                self._line_ended(self._line.rstrip(b"\r\n"))
                self._line = b""
            elif not self._status and not b"HTTP/".startswith(self._line[:5]):
                raise DialError("proxy", other_protocol(self._line))
            self._size += end - at
            at = end
        if self._size > REPLY_MAX:
            raise DialError("proxy", f"a reply of more than {REPLY_MAX} octets")
        return at

    def _line_ended(self, line: bytes) -> None:
        if not self._status:
            self._status = status(line)
        elif not line:
            self.is_complete = self._status >= 200
            self._status = 0


def status(line: bytes) -> int:
    """The code of a status line: 1xx or 2xx. Raises DialError for any other, and for what is none."""
    match = STATUS_LINE.fullmatch(line)
    if match is None:
        raise DialError("proxy", other_protocol(line))
    code, words = int(match[1]), (match[2] or b"").decode("utf-8", "backslashreplace").strip()
    if 100 <= code < 300 and code != SWITCHING_PROTOCOLS:
        return code
    reason = "connection" if code in RESOLVER_UNREACHABLE else "proxy"
    hint = " (user and password are missing or wrong)" if code == PASSWORD_WANTED else ""
    raise DialError(reason, printable(f"{code} {words}".strip())[:SHOWN_MAX] + hint)


def other_protocol(said: bytes) -> str:
    """What speaks there instead, by what it said first."""
    if said[:1] == b"\x05":
        return "not the reply of an HTTP proxy: does it speak HTTP? A SOCKS5 proxy is written socks5://"
    if said[:1] and said[0] in TLS_RECORDS:
        return "not the reply of an HTTP proxy: does it speak HTTP? It seems to speak TLS, which is not known here"
    return "not the reply of an HTTP proxy: does it speak HTTP?"
