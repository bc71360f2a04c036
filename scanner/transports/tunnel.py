"""Tunnels: a socket to the resolver through a SOCKS5 or HTTP CONNECT proxy; the only home of python-socks.

The handshake is in lockstep, one send a message (microsocks hangs on a pipelined one). Resolvers are addresses, so
`socks5` and `socks5h` are the same here.
"""

import os
import socket

from python_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError, ProxyType
from python_socks.async_.asyncio import Proxy as SocksProxy

from scanner.model import Proxy
from scanner.text import printable
from scanner.transports.dial_error import DialError

PROXY_TYPES = {"socks5": ProxyType.SOCKS5, "socks5h": ProxyType.SOCKS5, "http": ProxyType.HTTP}
REPLY_MAX = 80  # characters of what a proxy says that are shown
RESOLVER_UNREACHABLE = {3, 4, 5, 6, 502, 503, 504}  # replies about the resolver, not about the proxy


class Credential(str):
    """A user name or password as its UTF-8 octets: python-socks asks for ASCII, RFC 1929 for any octets."""

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return str.encode(self, "utf-8", errors)

    def __len__(self) -> int:
        return len(self.encode())


async def open_tunnel(proxy: Proxy, address: str, port: int, timeout_s: float) -> socket.socket:
    """A connected, non-blocking socket whose other end is address:port. Raises DialError."""
    user = None if proxy.user is None else Credential(proxy.user)
    password = None if proxy.password is None else Credential(proxy.password)
    dialer = SocksProxy(PROXY_TYPES[proxy.scheme], proxy.host, proxy.port, user, password, rdns=True)
    try:
        return await dialer.connect(address, port, timeout=timeout_s)
    except ProxyError as error:
        reason = "connection" if error.error_code in RESOLVER_UNREACHABLE else "proxy"
        raise DialError(reason, f"proxy {proxy}: {printable(str(error))[:REPLY_MAX]}") from None
    except ProxyTimeoutError:
        raise DialError("proxy", f"proxy {proxy}: no tunnel within {timeout_s:g} s") from None
    except (ProxyConnectionError, OSError) as error:
        raise DialError(
            "proxy", f"proxy {proxy}: {os.strerror(error.errno) if error.errno else 'cannot connect'}"
        ) from None
    except (ValueError, IndexError) as error:  # what a server that speaks no SOCKS can make the library raise
        raise DialError("proxy", f"proxy {proxy}: not the reply of a proxy ({type(error).__name__})") from None
