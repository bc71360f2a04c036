"""What one would write first: asyncio streams and dnspython, one query in flight on each connection.

`python bench/naive.py SERVER WORKERS [PROXY] < names > lines`; addresses are HOST:PORT. No retries, no
deadlines.
"""

import asyncio
import json
import sys
import time

import dns.message
import dns.rcode
from python_socks.async_.asyncio import Proxy


async def worker(names: asyncio.Queue[str], host: str, port: int, proxy: str | None) -> None:
    if proxy:
        sock = await Proxy.from_url(f"socks5://{proxy}").connect(host, port)
        reader, writer = await asyncio.open_connection(sock=sock)
    else:
        reader, writer = await asyncio.open_connection(host, port)
    while not names.empty():
        name = names.get_nowait()
        begun = time.monotonic()
        wire = dns.message.make_query(name, "NS", use_edns=0, payload=1232).to_wire()
        writer.write(len(wire).to_bytes(2, "big") + wire)
        length = int.from_bytes(await reader.readexactly(2), "big")
        response = dns.message.from_wire(await reader.readexactly(length))
        rcode = response.rcode()
        verdict = {dns.rcode.NOERROR: "taken", dns.rcode.NXDOMAIN: "nxdomain"}.get(rcode, "error")
        ms = round((time.monotonic() - begun) * 1000)
        row = {"d": name, "s": verdict, "r": int(rcode), "ms": ms, "re": rcode == dns.rcode.NOERROR}
        print(json.dumps(row, separators=(",", ":")))
    writer.close()


async def main() -> None:
    host, _, port = sys.argv[1].rpartition(":")
    names: asyncio.Queue[str] = asyncio.Queue()
    for line in sys.stdin:
        names.put_nowait(line.strip())
    proxy = sys.argv[3] if len(sys.argv) > 3 else None
    await asyncio.gather(*(worker(names, host, int(port), proxy) for _ in range(int(sys.argv[2]))))


asyncio.run(main())
