"""The servers of a small Internet on loopback addresses, port 53: BIND has the root, knot and NSD have what is below,
and unbound resolves. What each zone holds is written here once, and the verdicts of names follow from it."""

import contextlib
import os
import socket
import socketserver
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import servers

PORT = 53
START_S = 20
KNOT, KNOT_TOO, NSD, LAME, TCP_ONLY, RESOLVER = (f"127.66.0.{last}" for last in (2, 3, 4, 5, 6, 10))

ZONES = {  # whose servers are where
    "com": (KNOT, KNOT_TOO),
    "uk": (KNOT,),
    "co.uk": (KNOT,),  # a zone of its own, on the same server
    "br": (NSD,),  # com.br is a name in it
    "net": (NSD, LAME),
    "org": (KNOT, NSD),
    "ws": (KNOT,),  # has a wildcard
    "info": (TCP_ONLY,),
    "jp": (KNOT_TOO,),
    "ne.jp": (NSD,),  # a zone of its own, elsewhere
    "tv": (KNOT_TOO,),  # limits the rate of its responses: over UDP most are truncated, and its server moves to TCP
    "se": (KNOT_TOO,),  # is signed, with NSEC3 and opt-out
    "za": (KNOT_TOO,),  # no rule of the list, but above some
    "ck": (KNOT,),  # each name below it is a suffix
    "co.ck": (NSD,),
}
DEAD = "fr"  # whose server is down
TAKEN = tuple(f"taken{index}" for index in range(40))
NAMES_BELOW = (*ZONES, "com.br", "bar.ck")

HEAD = """$ORIGIN {zone}.
$TTL 3600
@ SOA ns.{zone}. hostmaster.{zone}. 1 900 300 604800 300
"""
CONF = {
    "knotd": """
server:
    listen: [{listen}]
    rundir: "{folder}"
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    tcp-max-clients: 2000
database:
    storage: "{folder}"
control:
    listen: "{folder}/knot.sock"
log:
  - target: stderr
    any: warning
mod-rrl:
  - id: slow
    rate-limit: 2
    slip: 1
policy:
  - id: signed
    single-type-signing: on
    nsec3: on
    nsec3-iterations: 0
    nsec3-opt-out: on
zone:
{zones}
""",
    "nsd": """
server:
{listen}
    port: 53
    username: ""
    chroot: ""
    zonesdir: "{folder}"
    zonelistfile: "{folder}/zone.list"
    database: ""
    xfrdfile: "{folder}/xfrd.state"
    xfrdir: "{folder}"
    pidfile: "{folder}/nsd.pid"
    server-count: 1
    tcp-count: 500
    rrl-ratelimit: 0
    rrl-whitelist-ratelimit: 0
remote-control:
    control-enable: no
{zones}
""",
    "named": """
options {{
    directory "{folder}";
    listen-on port {listen} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion no;
    pid-file none;
    notify no;
    dnssec-validation no;
    tcp-clients 500;
}};
controls {{ }};
{zones}
""",
    "unbound": """
server:
  directory: "{folder}"
  pidfile: ""
  username: ""
  chroot: ""
  do-daemonize: no
  use-syslog: no
  logfile: ""
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  tcp-upstream: yes
  incoming-num-tcp: 500
{listen}
  outgoing-num-tcp: 100
  access-control: 127.0.0.0/8 allow
  module-config: "iterator"
{zones}
remote-control:
  control-enable: no
""",
}
ARGUMENTS = {
    "knotd": ("-c",),
    "nsd": ("-d", "-c"),
    "named": ("-f", "-4", "-n", "1", "-c"),
    "unbound": ("-d", "-p", "-c"),
}


def may_listen() -> bool:
    """False where port 53 of a loopback address is not ours to have."""
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.66.0.1", PORT))
    except PermissionError:
        return False
    return True


def server_name(zone: str, address: str) -> str:
    """Each zone has names of its own for its servers, below itself: glue is needed."""
    return f"ns{address.rpartition('.')[2]}.{zone}."


def delegation(zone: str, parent: str) -> str:
    """What a parent says of a zone."""
    lines = [f"{zone}. NS {server_name(zone, address)}" for address in ZONES[zone]]
    lines += [f"{server_name(zone, address)} A {address}" for address in ZONES[zone]]
    return "\n".join(lines) + "\n"


def parent_of(zone: str) -> str:
    return zone.partition(".")[2]


def zone_text(zone: str) -> str:
    """A whole zone: its servers, the zones below it, and names that are delegated to registrants."""
    text = HEAD.format(zone=zone) + delegation(zone, zone)
    text += "".join(delegation(below, zone) for below in ZONES if parent_of(below) == zone)
    for suffix in (each for each in NAMES_BELOW if each == zone or (each not in ZONES and parent_of(each) == zone)):
        text += "".join(f"{name}.{suffix}. NS ns.{name}.{suffix}.\nns.{name}.{suffix}. A 192.0.2.1\n" for name in TAKEN)
    return text + ("* 300 A 192.0.2.99\n" if zone == "ws" else "")


def root_text() -> str:
    text = "$TTL 3600\n. SOA ns.root. hostmaster.root. 1 900 300 604800 300\n. NS ns.root.\n"
    text += f"ns.root. A 127.0.0.1\n{DEAD}. NS ns.{DEAD}.\nns.{DEAD}. A 127.66.0.99\n"
    return text + "".join(delegation(zone, "") for zone in ZONES if "." not in zone)


def expected(name: str) -> tuple[str, str | None]:
    """Verdict and reason of a name one label below a suffix, for an NS question."""
    label, _, suffix = name.partition(".")
    if label in TAKEN:
        return "taken", "referral"
    return ("taken", "wildcard") if suffix == "ws" else ("nxdomain", None)


def candidates(count: int) -> list[str]:
    """Names below every suffix, of which those of TAKEN exist; a name in each place comes from another suffix."""
    free = [f"free{index}" for index in range(count)]
    return [f"{label}.{suffix}" for label in (*TAKEN, *free) for suffix in NAMES_BELOW]


class Relay(socketserver.BaseRequestHandler):
    """A server that answers only over TCP: another's answers."""

    upstream = KNOT

    def handle(self) -> None:
        with socket.create_connection((self.upstream, PORT)) as upstream, contextlib.suppress(OSError):
            back = threading.Thread(target=pour, args=(upstream, self.request), daemon=True)
            back.start()
            pour(self.request, upstream)


def pour(source: socket.socket, sink: socket.socket) -> None:
    """Octets from one into the other, to the end."""
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            sink.sendall(octets)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class Relays(socketserver.ThreadingTCPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 64


def of_server(*addresses: str) -> list[str]:
    """The zones that a server has, by its addresses; the one that only relays has none of its own."""
    return [zone for zone, places in ZONES.items()
            if set(places) & set(addresses) or (places == (TCP_ONLY,) and KNOT in addresses)]  # fmt: skip


LIMITED, SIGNED = "    module: mod-rrl/slow\n", "    dnssec-signing: on\n    dnssec-policy: signed\n"


def knot_zone(zone: str, folder: Path, more: str = "") -> str:
    """What knot's configuration says of a zone."""
    return (f'  - domain: {zone}\n    file: "{folder}/{zone}.zone"\n    zonefile-sync: -1\n'
            f"    journal-content: none\n{more}")  # fmt: skip


def begin(name: str, folder: Path, listen: str, zones: str, address: str, port: int = PORT) -> subprocess.Popen[bytes]:
    """A server with this configuration, which answers."""
    config = folder / f"{name}.conf"
    config.write_text(CONF[name].format(listen=listen, folder=folder, zones=zones))
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([servers.program(name), *ARGUMENTS[name], str(config)], stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, start_new_session=True)  # fmt: skip
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection((address, port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process
    process.kill()
    process.wait()
    pytest.fail(f"{name} did not start: {(folder / f'{name}.log').read_text(errors='replace')[-2000:]}")


@contextlib.contextmanager
def internet(base: Path) -> Iterator[str]:
    """All of it, while the test runs; gives the root's place."""
    if not may_listen():
        (pytest.fail if os.environ.get("DNSSCAN_REQUIRE_SERVERS") == "1" else pytest.skip)("port 53 needs root")
    folders = {name: base / name for name in CONF}
    for folder in folders.values():
        folder.mkdir()
    for folder in (folders["knotd"], folders["nsd"]):
        for zone in ZONES:
            (folder / f"{zone}.zone").write_text(zone_text(zone))
    (folders["named"] / "root.zone").write_text(root_text())
    knot_zones = "".join(
        knot_zone(zone, folders["knotd"], {"tv": LIMITED, "se": SIGNED}.get(zone, ""))
        for zone in of_server(KNOT, KNOT_TOO)
    )
    nsd_zones = "".join(f'zone:\n    name: "{zone}"\n    zonefile: "{zone}.zone"\n' for zone in of_server(NSD))
    started = []
    relays = Relays((TCP_ONLY, PORT), Relay)
    threading.Thread(target=relays.serve_forever, daemon=True).start()
    try:
        started.append(begin("knotd", folders["knotd"], f"{KNOT}@53, {KNOT_TOO}@53", knot_zones, KNOT))
        started.append(begin("nsd", folders["nsd"], f"    ip-address: {NSD}", nsd_zones, NSD))
        named = 'zone "." {{ type primary; file "{}/root.zone"; }};'.format(folders["named"])
        port = servers.free_port()
        started.append(begin("named", folders["named"], str(port), named, "127.0.0.1", port))
        stub = f'stub-zone:\n  name: "."\n  stub-addr: 127.0.0.1@{port}\n  stub-prime: no\n'
        both = "".join(f"  interface: {address}@53\n" for address in (RESOLVER, LAME))
        started.append(begin("unbound", folders["unbound"], both, stub, RESOLVER))
        yield f"127.0.0.1:{port}"
    finally:
        for process in started:
            servers.signal_group(process.pid, servers.signal.SIGKILL)
            process.wait()
        relays.shutdown()
        relays.server_close()
