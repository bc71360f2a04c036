"""Run the floor by itself: `python bench/floor_run.py SERVER CONNECTIONS WINDOW QUERIES [PROXY...] < names`.

Addresses are HOST:PORT; with SOCKS5 proxies connection i goes through proxy i % their number, and asks the
i-th name, again and again. Prints one JSON object: queries, seconds, cpu_s (of the loop alone).
"""

import json
import resource
import socket
import struct
import sys
import time
from itertools import cycle, islice
from pathlib import Path

import dns.message

sys.path.insert(0, str(Path(__file__).parent))
import floor

Address = tuple[str, int]
REPLY = 10  # octets of a SOCKS5 reply with an IPv4 address


def address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)


def exactly(connection: socket.socket, count: int) -> bytes:
    octets = connection.recv(count, socket.MSG_WAITALL)
    if len(octets) != count:
        raise ConnectionError(f"closed after {len(octets)} of {count} octets")
    return octets


def connect(server: Address, proxy: Address | None) -> socket.socket:
    """A connection to the server; through a proxy one SOCKS5 message at a time (microsocks needs that)."""
    connection = socket.create_connection(proxy or server, timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if proxy:
        connection.sendall(b"\x05\x01\x00")
        assert exactly(connection, 2) == b"\x05\x00"
        connection.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(server[0]) + struct.pack("!H", server[1]))
        assert exactly(connection, REPLY)[1] == 0
    return connection


def framed(name: str) -> bytes:
    """The query that the scanner sends, as octets: type NS, EDNS with 1232."""
    query = dns.message.make_query(name, "NS", use_edns=0, payload=1232)
    wire = query.to_wire()
    return struct.pack("!H", len(wire)) + wire


def response_size(connection: socket.socket, frame: bytes) -> int:
    connection.sendall(frame)
    (length,) = struct.unpack("!H", exactly(connection, 2))
    exactly(connection, length)
    return 2 + length


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    server, connections, window, queries = address(sys.argv[1]), *map(int, sys.argv[2:5])
    proxies = [address(text) for text in sys.argv[5:]] or [None]
    names = [line.strip() for line in islice(sys.stdin, connections)]
    frames = [framed(name) for name in islice(cycle(names), connections)]
    opened = [connect(server, proxies[i % len(proxies)]) for i in range(connections)]
    sizes = [response_size(*pair) for pair in zip(opened, frames, strict=True)]
    begun, cpu = time.monotonic(), cpu_s()
    floor.run([each.fileno() for each in opened], frames, sizes, window, queries)
    print(json.dumps({"queries": queries, "seconds": time.monotonic() - begun, "cpu_s": cpu_s() - cpu}))


if __name__ == "__main__":
    main()
