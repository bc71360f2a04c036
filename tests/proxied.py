"""A scan of twenty names through proxies that a test scripts, and what must be true of its lines."""

import contextlib
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import trustme
from command import QUICK, Scan, scan
from dns_peer import DnsPeer, Talk, good

NAMES = [f"{kind}{number}.example" for kind in ("is", "nx") for number in range(10)]


def through(*proxies: str, names: list[str] = NAMES) -> Scan:
    with DnsPeer() as resolver:
        flags = [flag for proxy in proxies for flag in ("--proxy", proxy)]
        return scan("-r", resolver.address, *flags, "--workers", 4, *QUICK, names="\n".join(names) + "\n", limit_s=20)


def assert_nothing_lost(done: Scan) -> None:
    assert sorted(row["d"] for row in done.rows) == sorted(NAMES)
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 8, done.err


def assert_nothing_reached(done: Scan) -> None:
    assert_nothing_lost(done)
    assert {row["s"] for row in done.rows} == {"error"}
    assert {row["e"] for row in done.rows} <= {"proxy", "connection", "timeout", "badresp"}, done.rows
    assert done.code == 3, done.err


def assert_all_answered(done: Scan) -> None:
    assert_nothing_lost(done)
    assert {row["d"]: row["s"] for row in done.rows} == {
        name: "nxdomain" if name.startswith("nx") else "taken" for name in NAMES
    }
    assert done.code == 0, done.err


def over_tls(context: ssl.SSLContext) -> Callable[[Talk], None]:
    """The script of an honest server that speaks TLS."""

    def script(talk: Talk) -> None:
        with contextlib.suppress(OSError), context.wrap_socket(talk.connection, server_side=True) as connection:
            good(Talk(connection, talk.peer))

    return script


@contextlib.contextmanager
def resolver_over_tls(folder: Path) -> Iterator[tuple[str, Path]]:
    """Its URL, and the file of the CA that certifies it."""
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with DnsPeer(over_tls(context)) as peer:
        yield f"tls://{peer.address}", folder / "ca.pem"
