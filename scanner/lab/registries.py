"""The lab's registries: RDAP servers with an authority of their own, WHOIS servers, and the files by which a client
finds them. Everything is on loopback; the files lie in a folder that goes when the lab ends."""

import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import trustme

from scanner.errors import ScanError
from scanner.lab.rdap_server import RdapServer, Sites
from scanner.lab.registry import Log
from scanner.lab.whois_server import RULES, WhoisServer

HERE, OTHER_ADDRESS = "127.0.0.1", "127.0.0.9"
BASES = {"test": "/rdap/", "org": "/rdap/", "com": "/com/v1/", "net": "/net/v1/"}  # of one server
SLOW_TLD_S = 2
Services = list[tuple[list[str], list[str]]]  # TLDs, URLs


@asynccontextmanager
async def registries(dns_port: int, log_path: Path | None) -> AsyncIterator[dict[str, Any]]:
    """They run; gives what a config says of them under `confirm`. Raises ScanError."""
    async with AsyncExitStack() as stack:
        log = Log(log_path)
        stack.callback(log.close)
        try:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="dnsscan-lab-")))
            services = await start_rdap(stack, log, folder / "ca.pem")
            whois = {tld: await start_whois(stack, log, tld) for tld in RULES}
            bootstrap = written(folder / "bootstrap.json", bootstrap_of(services))
            whois_file = written(folder / "whois.json", whois)
        except OSError as error:
            raise ScanError(f"lab: registries: {error.strerror or error}") from None
        yield {
            "bootstrap": bootstrap,
            "ca_file": str(folder / "ca.pem"),
            "whois_file": whois_file,
            "allow_nets": [f"{HERE}/32"],
            "registry_rate": 0,
            "authority_port": dns_port,
        }


async def start_rdap(stack: AsyncExitStack, log: Log, ca_file: Path) -> Services:
    """Every RDAP server, and its TLDs; writes the authority's certificate. Raises OSError."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_file)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    certificates = {
        "main": authority.issue_cert(HERE, OTHER_ADDRESS),
        "slowtld": authority.issue_cert(HERE, OTHER_ADDRESS),
        "expiredcert": authority.issue_cert(HERE, not_before=yesterday - timedelta(days=90), not_after=yesterday),
        "wronghost": authority.issue_cert("rdap.wrong.invalid"),
        "selfsigned": trustme.CA().issue_cert(HERE),  # of an authority that no client knows
    }
    plain = RdapServer(log, {**BASES, "plainhttp": "/rdap/"})
    stack.push_async_callback(plain.close)
    plain_site = f"http://{HERE}:{await plain.listen(0)}"
    plain.sites = Sites(plain_site, plain_site, plain_site)
    services: Services = [(["plainhttp"], [f"{plain_site}/rdap/"])]
    for tld, certificate in certificates.items():
        bases = BASES if tld == "main" else {tld: "/rdap/"}
        server = RdapServer(log, bases, SLOW_TLD_S if tld == "slowtld" else 0)
        stack.push_async_callback(server.close)
        port = await listen_twice(server, certificate)
        server.sites = Sites(f"https://{HERE}:{port}", f"https://{OTHER_ADDRESS}:{port}", plain_site)
        services += [([each], [server.sites.here + base]) for each, base in bases.items()]
    return [*services, (["deadtld"], [f"https://{HERE}:{dead_port(stack)}/rdap/"])]


async def listen_twice(server: RdapServer, certificate: trustme.LeafCert) -> int:
    """On one port of both addresses."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(tls)
    port = await server.listen(0, HERE, tls)
    return await server.listen(port, OTHER_ADDRESS, tls)


def dead_port(stack: AsyncExitStack) -> int:
    """A port that is taken, and refuses every connection."""
    dead = stack.enter_context(socket.socket())
    dead.bind((HERE, 0))
    return int(dead.getsockname()[1])


async def start_whois(stack: AsyncExitStack, log: Log, tld: str) -> dict[str, str]:
    """The TLD's WHOIS server, and how it is asked and read. Raises OSError."""
    server = WhoisServer(log, tld)
    stack.push_async_callback(server.close)
    return {**RULES[tld], "server": f"{HERE}:{await server.listen(0)}"}


def bootstrap_of(services: Services) -> dict[str, Any]:
    """RFC 9224 section 4."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"version": "1.0", "publication": now, "description": "The lab's registries", "services": services}


def written(path: Path, content: Any) -> str:
    """The path, with the content in it."""
    path.write_text(json.dumps(content, indent=1) + "\n")
    return str(path)
