"""Streams to a resolver: TCP, or TLS over it (DoT, RFC 7858), direct or in a tunnel. It opens; it never reads."""

import asyncio
import contextlib
import os
import socket
import ssl
import time

from scanner.errors import ScanError
from scanner.model import Proxy, Resolver
from scanner.transports.trouble import Trouble
from scanner.transports.tunnel import open_tunnel

YEAR_2000 = 946_684_800  # s since the epoch; no certificate is valid for a clock before it


async def open_stream(
    protocol: asyncio.Protocol, resolver: Resolver, proxy: Proxy | None, timeout_s: float,
    tls: ssl.SSLContext | None,
) -> None:  # fmt: skip
    """Connect and hand the stream to `protocol`. `tls` is given for a tls:// resolver. Raises Trouble."""
    loop = asyncio.get_running_loop()
    sock = await (dial(resolver, timeout_s) if proxy is None
                  else open_tunnel(proxy, resolver.address, resolver.port, timeout_s))  # fmt: skip
    try:
        tune(sock, timeout_s)
        if tls is None:
            await loop.create_connection(lambda: protocol, sock=sock)
        else:
            name = resolver.server_name or resolver.address
            await loop.create_connection(lambda: protocol, sock=sock, ssl=tls, server_hostname=name,
                                         ssl_handshake_timeout=timeout_s)  # fmt: skip
    except ssl.SSLError as error:
        sock.close()
        raise Trouble("tls", f"{resolver}: {tls_said(error)}") from None
    except OSError as error:
        sock.close()
        raise Trouble("connection" if tls is None else "tls", f"{resolver}: {said(error)}") from None
    except BaseException:
        sock.close()
        raise


async def dial(resolver: Resolver, timeout_s: float) -> socket.socket:
    """A direct connection: a non-blocking socket. Raises Trouble."""
    loop = asyncio.get_running_loop()
    try:
        family = socket.AF_INET6 if ":" in resolver.address else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise Trouble("connection", f"{resolver}: {said(error)}") from None
    sock.setblocking(False)
    try:
        async with asyncio.timeout(timeout_s):
            address, _, zone = resolver.address.partition("%")
            target = (address, resolver.port, 0, socket.if_nametoindex(zone)) if zone else (address, resolver.port)
            await loop.sock_connect(sock, target)
    except TimeoutError:
        sock.close()
        raise Trouble("connection", f"{resolver}: no connection within {timeout_s:g} s") from None
    except OSError as error:
        sock.close()
        raise Trouble("connection", f"{resolver}: {said(error)}") from None
    except BaseException:
        sock.close()
        raise
    return sock


def said(error: OSError) -> str:
    """The system's words for an errno, without the addresses that event loops add."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else "cannot connect"


def tls_said(error: ssl.SSLError) -> str:
    """What is wrong with the certificate, in OpenSSL's words; its code for anything else."""
    wrong = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else ""
    return wrong or error.reason or "TLS failed"


def tune(sock: socket.socket, timeout_s: float) -> None:
    """No waiting for more octets, and an end for a path that acknowledges nothing (RFC 5482)."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    user_timeout = getattr(socket, "TCP_USER_TIMEOUT", None)
    if user_timeout is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, user_timeout, int(timeout_s * 2000))


def tls_context() -> ssl.SSLContext:
    """One context for all tls:// resolvers: ALPN `dot`. Raises ScanError."""
    context = verifying_context("tls://")
    context.set_alpn_protocols(["dot"])
    return context


def verifying_context(what: str, ca_file: str | None = None) -> ssl.SSLContext:
    """A context that verifies against the system's CAs and those of `ca_file`; `what` needs it. Raises ScanError."""
    if time.time() < YEAR_2000:
        raise ScanError(f"the system clock says {time.strftime('%Y-%m-%d')}: TLS needs the right date")
    context = ssl.create_default_context()
    try:
        if ca_file is not None:
            context.load_verify_locations(ca_file)
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise ScanError(f"{ca_file}: no CA certificates (PEM) can be read from it") from None
    if not context.cert_store_stats()["x509_ca"] and not ssl.get_default_verify_paths().capath:
        raise ScanError(f"no CA certificates found for {what}: install ca-certificates or set SSL_CERT_FILE")
    return context
