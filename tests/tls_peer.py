"""The scripted DNS server of `dns_peer` over TLS, with a certificate of an authority that lives as long as the
process."""

import os
import socket
import ssl
from functools import cache
from pathlib import Path

import trustme
from dns_peer import DnsPeer


@cache
def authority() -> trustme.CA:
    return trustme.CA()


def trusting(folder: Path) -> dict[str, str]:
    """The environment of a user who trusts the authority; its certificate is written there."""
    path = folder / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return {"SSL_CERT_FILE": os.fspath(path)}


@cache
def server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert("127.0.0.1").configure_cert(context)
    return context


class TlsPeer(DnsPeer):
    """`with TlsPeer(script) as peer:` then `-r peer.address`."""

    @property
    def address(self) -> str:
        return f"tls://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        with server_context().wrap_socket(connection, server_side=True) as wrapped:
            super().serve(wrapped)
