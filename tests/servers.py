"""Real servers from Debian on 127.0.0.1, in the foreground, each on a free port with its files in one folder.

Each function returns a started `Server` that accepts connections; the caller stops it. They are other
people's programs on purpose: our own lab alone would share our mistakes. None talks to anything but loopback.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SBIN = "/usr/local/sbin:/usr/sbin:/sbin"  # where Debian puts daemons, and where not every user's PATH looks
START_S = 10
STOP_S = 10

UNBOUND = """
server:
  directory: "{folder}"
  pidfile: ""
  username: ""
  chroot: ""
  do-daemonize: no
  use-syslog: no
  logfile: ""
  verbosity: 1
  num-threads: 1
  do-ip6: no
  incoming-num-tcp: 256
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  module-config: "iterator"
  local-zone: "." static
  local-zone: "example.test." static
  local-data: "example.test. 300 IN NS ns.example.test."
  local-data: "www.example.test. 300 IN A 192.0.2.10"
  local-zone: "refused.test." refuse
  local-zone: "drop.test." deny
  local-zone: "wild.test." redirect
  local-data: "wild.test. 60 IN A 192.0.2.99"
remote-control:
  control-enable: no
"""
TLS_LINES = """
  interface: 127.0.0.1@{port}
  tls-port: {port}
  tls-service-key: "{folder}/key.pem"
  tls-service-pem: "{folder}/chain.pem"
"""
UNBOUND_OVER_TLS = UNBOUND.replace("\n  interface: 127.0.0.1@{port}\n", TLS_LINES)

KNOT = """
server:
    listen: 127.0.0.1@{port}
    rundir: "{folder}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    tcp-max-clients: 1000
database:
    storage: "{folder}"
control:
    listen: "{folder}/knot.sock"
log:
  - target: stderr
    any: warning
mod-synthrecord:
  - id: made
    type: forward
    prefix: ip-
    ttl: 300
    network: 192.0.2.0/24
zone:
  - domain: example.test
    file: "{folder}/example.test.zone"
    zonefile-sync: -1
    journal-content: none
  - domain: t.test
    file: "{folder}/t.test.zone"
    zonefile-sync: -1
    journal-content: none
    module: mod-synthrecord/made
"""

COOKIES = """
mod-cookies:
  - id: strict
    badcookie-slip: 1
template:
  - id: default
    global-module: mod-cookies/strict
"""

NSD = """
server:
    ip-address: 127.0.0.1@{port}
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    zonelistfile: "{folder}/zone.list"
    database: ""
    xfrdfile: "{folder}/xfrd.state"
    xfrdir: "{folder}"
    pidfile: "{folder}/nsd.pid"
    server-count: 1
    rrl-ratelimit: 0
remote-control:
    control-enable: no
zone:
    name: "every-type.test"
    zonefile: "every-type.test.zone"
"""

NAMED = """
options {{
    directory "{folder}";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    pid-file none;
    notify no;
    dnssec-validation no;
    minimal-responses no;
}};
controls {{ }};
zone "every-type.test" {{
    type primary;
    file "{folder}/every-type.test.zone";
    check-names ignore;
}};
zone "hashed.test" {{
    type primary;
    file "{folder}/hashed.test.zone";
}};
"""

KNOT_WITH_EVERY_TYPE = """
  - domain: every-type.test
    file: "{folder}/every-type.test.zone"
    zonefile-sync: -1
    journal-content: none
"""

HASHED_ZONE = """
@     300 SOA ns hostmaster 1 900 300 604800 60
@     300 NS  ns
ns    300 A   127.0.0.1
a     300 A   192.0.2.1
*.any 300 TXT "of a wildcard"
below 300 NS  ns.elsewhere.test.
"""

KNOT_ZONE = """
  - domain: {zone}
    file: "{folder}/{zone}.zone"
    zonefile-sync: -1
    journal-content: none
"""

NSD_ZONE = """
zone:
    name: "{zone}"
    zonefile: "{zone}.zone"
"""

REGISTRY_ZONE = """
@         3600 SOA   ns hostmaster 1 900 300 604800 300
@         3600 NS    ns
ns        3600 A     127.0.0.1
taken     3600 NS    ns.taken
ns.taken  3600 A     192.0.2.12
own       3600 A     192.0.2.10
*.wild    300  A     192.0.2.99
"""

EXAMPLE_ZONE = """
@     3600 SOA   ns hostmaster 1 900 300 604800 300
@     3600 NS    ns
ns    3600 A     127.0.0.1
www   300  A     192.0.2.10
alias 300  CNAME www
lost  300  CNAME nowhere
*.wild 300 A     192.0.2.99
delegated    NS    ns.delegated
ns.delegated A     192.0.2.12
moved   3600 DNAME elsewhere.example.
"""

MADE_ZONE = """
@     3600 SOA   ns hostmaster 1 900 300 604800 300
@     3600 NS    ns
ns    3600 A     127.0.0.1
"""

DANTED = """
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: {user}
user.unprivileged: {user}
client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}
socks pass {{ from: 127.0.0.0/8 to: 127.0.0.0/8 command: connect }}
"""

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 200
LogLevel Warning
LogFile "{folder}/tinyproxy.log"
Allow 127.0.0.0/8
BasicAuth user secret
"""


def program(name: str) -> str:
    """The program's path; where it is not installed the test is skipped by name, or in CI fails."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")
    if path is None:
        give_up = pytest.fail if os.environ.get("DNSSCAN_REQUIRE_SERVERS") == "1" else pytest.skip
        give_up(f"{name} is not installed")
    return path


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """One server process, known by its own pid; `command` gives the argument list for a port."""

    def __init__(self, name: str, command: Callable[[int], list[str]], folder: Path):
        self.name = name
        self.command = command
        self.log = folder / f"{name}.log"
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None  # None while stopped

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} is stopped"
        return self.process.pid

    def start(self) -> None:
        """On a free port; one lost to another process in between is tried again elsewhere."""
        for _ in range(5):
            self.port = free_port()
            if self._listens():
                return
        pytest.fail(f"{self.name} did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once: its connections break as in a crash."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it where it runs, and start it on the same port."""
        self.stop()
        assert self._listens(), f"{self.name} did not come back on port {self.port}"

    def pause(self) -> None:
        """Alive and silent: its kernel still accepts, nobody answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def _listens(self) -> bool:
        """Start on `self.port`; True when it accepts a connection, False when it ended instead."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(self.port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_S
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return True
        self.kill()
        return False

    def _end(self, number: signal.Signals) -> None:
        """Children too (dante forks one for each job): they are in the group that the server leads."""
        process, self.process = self.process, None
        if process is None:
            return
        group = process.pid
        for each in (number, signal.SIGCONT):
            signal_group(group, each)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            signal_group(group, signal.SIGKILL)
            process.wait()
        signal_group(group, signal.SIGKILL)


def signal_group(group: int, number: signal.Signals) -> None:
    """To every process of a group that a server of ours leads; one that is gone is fine."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def started(name: str, command: Callable[[int], list[str]], folder: Path) -> Server:
    server = Server(name, command, folder)
    server.start()
    return server


def configured(name: str, template: str, arguments: list[str], folder: Path, **values: str) -> Server:
    """A server that reads a config file, written anew for each port."""
    path, config = program(name), folder / f"{name}.conf"

    def command(port: int) -> list[str]:
        config.write_text(template.format(port=port, folder=folder, **values))
        return [path, *arguments, str(config)]

    return started(name, command, folder)


def unbound(folder: Path) -> Server:
    """`www.example.test` A, `*.wild.test` A, `refused.test`, `drop.test`; all other names NXDOMAIN."""
    return configured("unbound", UNBOUND, ["-d", "-p", "-c"], folder)


def knot(folder: Path, config: str = KNOT) -> Server:
    """Authority for `example.test` and for `t.test`, where `ip-192-0-2-N.t.test` exists; else REFUSED."""
    (folder / "example.test.zone").write_text(EXAMPLE_ZONE)
    (folder / "t.test.zone").write_text(MADE_ZONE)
    return configured("knotd", config, ["-c"], folder)


def knot_with_millions(folder: Path) -> Server:
    """The same with 16.7 million names: `ip-10-B-C-D.t.test` is 10.B.C.D."""
    return knot(folder, KNOT.replace("192.0.2.0/24", "10.0.0.0/8"))


def knot_with_cookies(folder: Path) -> Server:
    """The same; a query over UDP without the server's cookie gets BADCOOKIE (RFC 7873)."""
    return knot(folder, KNOT + COOKIES)


def every_type(folder: Path, which: str) -> Server:
    """Authority for `every-type.test`, a zone with every type, and `hashed.test`, which is signed with NSEC3: knot,
    nsd or BIND."""
    zone = (Path(__file__).parent / "every_type.zone").read_text()
    (folder / "every-type.test.zone").write_text(f"$ORIGIN every-type.test.\n{zone}")
    write_signed_zone(folder, "hashed.test", HASHED_ZONE)
    if which == "knot":
        return knot(folder, KNOT + KNOT_WITH_EVERY_TYPE + KNOT_ZONE.replace("{zone}", "hashed.test"))
    if which == "nsd":
        return configured("nsd", NSD + NSD_ZONE.replace("{zone}", "hashed.test"), ["-d", "-c"], folder)
    return configured("named", NAMED, ["-f", "-4", "-n", "1", "-c"], folder)


def write_signed_zone(folder: Path, zone: str, records: str) -> None:
    """A zone file with these records, signed by BIND's tools, NSEC3 with a salt."""
    (folder / "plain.zone").write_text(f"$ORIGIN {zone}.\n{records}")
    keygen = [program("dnssec-keygen"), "-q", "-K", str(folder), "-a", "ECDSAP256SHA256", zone]
    sign = [program("dnssec-signzone"), "-S", "-z", "-3", "AABBCCDD", "-H", "2", "-K", str(folder), "-o", zone,
            "-f", str(folder / f"{zone}.zone"), str(folder / "plain.zone")]  # fmt: skip
    for command in (keygen, sign):
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=START_S)


def registry(folder: Path, which: str, *zones: str) -> Server:
    """Authority (knot or nsd) for zones in each of which `taken` is delegated, `own` and `*.wild` have addresses; all
    other zones REFUSED."""
    return authority(folder, which, dict.fromkeys(zones, REGISTRY_ZONE))


def authority(folder: Path, which: str, zones: dict[str, str]) -> Server:
    """Authority (knot or nsd) for zones with these records; all other zones REFUSED."""
    for zone, records in zones.items():
        (folder / f"{zone}.zone").write_text(f"$ORIGIN {zone}.\n{records}")
    if which == "knot":
        config = KNOT.partition("\nmod-synthrecord")[0] + "\nzone:" + "".join(
            KNOT_ZONE.replace("{zone}", zone) for zone in zones)  # fmt: skip
        return configured("knotd", config, ["-c"], folder)
    config = NSD.partition("\nzone:")[0] + "".join(NSD_ZONE.replace("{zone}", zone) for zone in zones)
    return configured("nsd", config, ["-d", "-c"], folder)


def microsocks(folder: Path, user: str = "", password: str = "") -> Server:
    """SOCKS5, CONNECT only; with a password when one is given."""
    path = program("microsocks")
    secret = ["-u", user, "-P", password] if user else []
    return started("microsocks", lambda port: [path, "-i", "127.0.0.1", "-p", str(port), *secret], folder)


def danted(folder: Path) -> Server:
    """SOCKS4 and SOCKS5, no password; connects to loopback addresses only."""
    user = "nobody" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    return configured("danted", DANTED, ["-N", "1", "-f"], folder, user=user)


def tinyproxy(folder: Path) -> Server:
    """HTTP CONNECT with Basic authorization: user `user`, password `secret`."""
    return configured("tinyproxy", TINYPROXY, ["-d", "-c"], folder)
