"""DNS over TLS (RFC 7858) against unbound: verified, or no verdict at all."""

import json
import socket
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import servers
import trustme
from command import environment, scan, start

pytestmark = pytest.mark.server

NAME = "dns.example.test"
NAMES = ["www.example.test"] + [f"gone-{number}.example.test" for number in range(500)]
RIGHT = {name: ("nxdomain", "") for name in NAMES} | {"www.example.test": ("taken", "")}
FEW = NAMES[:4]
SOON = ("--timeout-ms", 500, "--deadline-ms", 1500, "--workers", 2)
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority, tmp_path_factory) -> dict[str, str]:
    """The environment of a user who trusts the authority."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return {"SSL_CERT_FILE": str(path)}


@contextmanager
def unbound_with(certificate: trustme.LeafCert, folder):
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "chain.pem", append=True)
    server = servers.configured("unbound", servers.UNBOUND_OVER_TLS, ["-d", "-p", "-c"], folder)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def unbound_tls(authority, tmp_path_factory):
    """Its certificate is for NAME and for 127.0.0.1."""
    with unbound_with(authority.issue_cert(NAME, "127.0.0.1"), tmp_path_factory.mktemp("tls")) as server:
        yield server


def verdicts(done) -> dict[str, tuple[str, str]]:
    rows = done.rows
    found = {row["d"]: (row["s"], row.get("e", "")) for row in rows}
    assert len(found) == len(rows), "a name came out twice"
    assert "Traceback" not in done.err
    return found


def lines(names) -> str:
    return "".join(f"{name}\n" for name in names)


def assert_tls_trouble(done) -> None:
    assert verdicts(done) == {name: ("error", "tls") for name in FEW}, done.err
    assert done.code == 3
    assert all(line.startswith("dnsscan: ") for line in done.err.splitlines())


@pytest.mark.parametrize("fragment", ["#" + NAME, ""])
@pytest.mark.parametrize("proxied", [False, True])
def test_names_are_asked_over_tls_that_is_verified_by_name_or_address(
    unbound_tls, trusted, microsocks, proxied, fragment
):
    flags = ("--proxy", f"socks5://127.0.0.1:{microsocks.port}") if proxied else ()
    resolver = f"tls://127.0.0.1:{unbound_tls.port}{fragment}"
    done = scan("-r", resolver, *flags, "-t", "A", "--workers", 4, names=lines(NAMES), **trusted)

    assert verdicts(done) == RIGHT, done.err
    assert done.code == 0


def test_a_certificate_for_another_name_is_no_verdict(unbound_tls, trusted):
    resolver = f"tls://127.0.0.1:{unbound_tls.port}#other.example.test"
    done = scan("-r", resolver, "-t", "A", *SOON, names=lines(FEW), **trusted)

    assert_tls_trouble(done)
    assert "Hostname mismatch, certificate is not valid for 'other.example.test'" in done.err


def test_a_certificate_without_the_address_is_no_verdict(authority, trusted, tmp_path):
    with unbound_with(authority.issue_cert(NAME), tmp_path) as server:
        done = scan("-r", f"tls://127.0.0.1:{server.port}", "-t", "A", *SOON, names=lines(FEW), **trusted)

    assert_tls_trouble(done)


def test_a_certificate_by_an_authority_that_nobody_trusts_is_no_verdict(unbound_tls, tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    resolver = f"tls://127.0.0.1:{unbound_tls.port}#{NAME}"
    done = scan("-r", resolver, "-t", "A", *SOON, names=lines(FEW), SSL_CERT_FILE=str(tmp_path / "other.pem"))

    assert_tls_trouble(done)


def test_an_untrusted_certificate_behind_a_proxy_is_tls_trouble_and_not_the_proxys(unbound_tls, microsocks, tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    proxy = f"socks5://127.0.0.1:{microsocks.port}"
    resolver = f"tls://127.0.0.1:{unbound_tls.port}#{NAME}"
    done = scan("-r", resolver, "--proxy", proxy, "-t", "A", *SOON, names=lines(FEW),
                SSL_CERT_FILE=str(tmp_path / "other.pem"))  # fmt: skip

    assert_tls_trouble(done)


def test_an_expired_certificate_is_no_verdict(authority, trusted, tmp_path):
    past = datetime.now(UTC) - YEAR
    with unbound_with(authority.issue_cert(NAME, not_before=past - YEAR, not_after=past), tmp_path) as server:
        done = scan("-r", f"tls://127.0.0.1:{server.port}#{NAME}", "-t", "A", *SOON, names=lines(FEW), **trusted)

    assert_tls_trouble(done)
    assert "expired" in done.err


def test_a_server_of_plain_tcp_is_no_verdict(unbound, trusted):
    done = scan("-r", f"tls://127.0.0.1:{unbound.port}#{NAME}", "-t", "A", *SOON, names=lines(FEW), **trusted)

    assert set(verdicts(done).values()) <= {("error", "tls"), ("error", "connection")}, done.err
    assert len(done.rows) == len(FEW)
    assert done.code == 3


def test_a_server_that_never_ends_the_handshake_is_no_verdict(trusted):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        resolver = f"tls://127.0.0.1:{mute.getsockname()[1]}#{NAME}"
        done = scan("-r", resolver, "-t", "A", *SOON, names=lines(FEW), **trusted)

    assert_tls_trouble(done)


def test_a_tls_server_asked_over_plain_tcp_is_no_verdict(unbound_tls):
    done = scan("-r", f"127.0.0.1:{unbound_tls.port}", "-t", "A", *SOON, names=lines(FEW))

    assert {verdict for verdict, _ in verdicts(done).values()} == {"error"}
    assert len(done.rows) == len(FEW)


def test_a_tls_server_restarted_in_mid_scan_costs_no_name(unbound_tls, trusted, tmp_path):
    names = NAMES + [f"more-{number}.example.test" for number in range(3000)]
    resolver = f"tls://127.0.0.1:{unbound_tls.port}#{NAME}"
    path = tmp_path / "out"
    with start("-r", resolver, "-t", "A", "--workers", 4, "--output", path, env=environment(**trusted)) as process:
        process.stdin.write(lines(names[:2000]).encode())
        process.stdin.flush()
        while not (path.exists() and path.stat().st_size):
            assert process.poll() is None
            time.sleep(0.001)
        unbound_tls.restart()
        _, err = process.communicate(lines(names[2000:]).encode(), timeout=30)

    found = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert sorted(row["d"] for row in found) == sorted(names), err
    assert {row["s"] for row in found if row["d"] != "www.example.test"} == {"nxdomain"}
