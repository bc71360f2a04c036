"""Scripted servers of registries on loopback, port 53, over TCP and UDP, and a root that refers to them: for what no
real server says. A script is given the name asked, in lower case without its last dot, and fills a response."""

import contextlib
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Script = Callable[[str, dns.message.Message], None]
PARKED = "192.0.2.66"


def put(section: list, owner: str, kind: str, *data: str) -> None:
    section.append(dns.rrset.from_text(f"{owner}.", 300, "IN", kind, *data))


def deny(zone: str, reply: dns.message.Message) -> None:
    reply.set_rcode(dns.rcode.NXDOMAIN)
    reply.flags |= dns.flags.AA
    put(reply.authority, zone, "SOA", f"ns.{zone}. h.{zone}. 1 900 300 604800 300")


def honest(zone: str) -> Script:
    """Names whose last label before the zone begins with `taken` are delegated; the server's own, `ns`, exists."""

    def say(name: str, reply: dns.message.Message) -> None:
        label = name.removesuffix(f".{zone}").rpartition(".")[2]
        if name == f"ns.{zone}":
            reply.flags |= dns.flags.AA
            put(reply.answer, name, "A", "127.0.0.1")
        elif label.startswith("taken"):
            put(reply.authority, f"{label}.{zone}", "NS", f"ns.{label}.{zone}.")
        else:
            deny(zone, reply)

    return say


def parked(name: str, reply: dns.message.Message) -> None:
    """Whatever is asked is there."""
    reply.flags |= dns.flags.AA
    kind = reply.question[0].rdtype
    put(reply.answer, name, *(("NS", "ns.parking.example.") if kind == 2 else ("A", PARKED)))


def delegates_all(name: str, reply: dns.message.Message) -> None:
    """Whatever is asked is delegated."""
    put(reply.authority, name, "NS", "ns.parking.example.")


def denies_all(zone: str) -> Script:
    """An empty zone."""
    return lambda _, reply: deny(zone, reply)


def filters(zone: str) -> Script:
    """It says itself that this is no truth."""

    def say(_: str, reply: dns.message.Message) -> None:
        deny(zone, reply)
        reply.use_edns(0, options=[dns.edns.EDEOption(17)])

    return say


def refuses(_: str, reply: dns.message.Message) -> None:
    reply.set_rcode(dns.rcode.REFUSED)


def speaks_for_another(_: str, reply: dns.message.Message) -> None:
    """It has a zone above, and not this one."""
    deny("example", reply)


def refers_upward(_: str, reply: dns.message.Message) -> None:
    put(reply.authority, "", "NS", "a.root.")


@dataclass
class Authority:
    """`with Authority(address, script) as peer:`; what it was asked stands in `names`, when in `times`."""

    address: str
    script: Script
    port: int = 53
    names: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def answer(self, octets: bytes) -> bytes:
        query = dns.message.from_wire(octets)
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        self.names.append(name)
        self.times.append(time.monotonic())
        reply = dns.message.make_response(query)
        self.script(name, reply)
        return reply.to_wire()

    def __enter__(self) -> "Authority":
        peer = self

        class Stream(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with contextlib.suppress(OSError):
                    while head := self.rfile.read(2):
                        reply = peer.answer(self.rfile.read(int.from_bytes(head)))
                        self.wfile.write(len(reply).to_bytes(2) + reply)

        class Datagram(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request[1].sendto(peer.answer(self.request[0]), self.client_address)

        class Streams(socketserver.ThreadingTCPServer):
            allow_reuse_address, daemon_threads, request_queue_size = True, True, 64

        self._servers = [Streams((self.address, self.port), Stream)]
        self.port = self._servers[0].server_address[1]
        self._servers.append(socketserver.UDPServer((self.address, self.port), Datagram))
        for server in self._servers:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


def root_of(zones: dict[str, tuple[str, ...]]) -> Script:
    """Refers to the servers of these zones, by their addresses."""

    def say(name: str, reply: dns.message.Message) -> None:
        zone = next((each for each in zones if name == each or name.endswith(f".{each}")), "")
        if not zone:
            deny("", reply)
            return
        put(reply.authority, zone, "NS", f"ns.{zone}.")
        put(reply.additional, f"ns.{zone}", "A", *zones[zone])

    return say


@contextlib.contextmanager
def registries(zones: dict[str, dict[str, Script]]) -> Iterator[tuple[str, dict[str, Authority]]]:
    """The root's place, and every server by its address; an address has one script."""
    scripts = {address: script for servers in zones.values() for address, script in servers.items()}
    with contextlib.ExitStack() as stack:
        peers = {address: stack.enter_context(Authority(address, script)) for address, script in scripts.items()}
        root = stack.enter_context(
            Authority("127.0.0.1", root_of({zone: tuple(its) for zone, its in zones.items()}), 0)
        )
        yield f"127.0.0.1:{root.port}", {**peers, "root": root}
