"""Run the floor of UDP by itself: `python bench/floor_udp_run.py SERVER WINDOW QUERIES SEGMENT < names`.

Sixteen connected sockets; the query is that of the first name. Prints one JSON object: queries, seconds,
cpu_s (of the loop alone).
"""

import json
import socket
import sys
import time
from pathlib import Path

from floor_run import address, cpu_s, framed

sys.path.insert(0, str(Path(__file__).parent))
import floor_udp

SOCKETS = 16


def main() -> None:
    server, window, queries, segment = address(sys.argv[1]), *map(int, sys.argv[2:5])
    query = framed(sys.stdin.readline().strip())[2:]
    opened = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(SOCKETS)]
    for each in opened:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        each.connect(server)
    begun, cpu = time.monotonic(), cpu_s()
    floor_udp.run([each.fileno() for each in opened], query, window, queries, bool(segment))
    print(json.dumps({"queries": queries, "seconds": time.monotonic() - begun, "cpu_s": cpu_s() - cpu}))


if __name__ == "__main__":
    main()
