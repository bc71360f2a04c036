"""The report's own demo: names with every trouble, scanned by the real command in a lab of its own, in which a proxy
dies and a resolver slows down on the way."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread

from scanner.errors import ScanError
from scanner.lab.proxy import SocksProxy
from scanner.lab.server import LabServer
from scanner.signals import ending

RATE = 100  # queries a second by each proxy to each resolver
PROXIES, RESOLVERS = 4, 3
PER_SECOND = 860  # names: a quarter of the paths is gone on the way, and some are asked again
TLDS = ("com", "com", "com", "net", "net", "org", "dev", "io")
TROUBLES = ("servfail", "refused", "nodata", "cname-nx", "rcode-9", "formerr")
CONFIG = {"workers": 24, "timeout_ms": 500, "rate_per_resolver": RATE, "fields": ["n", "why", "t", "ns", "p", "ts"]}
DELAY_MS, SLOW_MS = (4, 60), (120, 420)  # of each answer
NX, LOSS = 0.3, 0.008  # shares
DIES, SLOWS = 0.4, 0.6  # when, of the whole
DYING, SLOWING = 2, 1  # which
LOOK_S = 0.05


async def scanned(folder: Path, seconds: int) -> tuple[Path, Path]:
    """Scan for about so long; the lines, and what the run recorded of itself. Raises ScanError."""
    leave_on_signals()
    lines, run, config, listed = (folder / name for name in ("demo.jsonl", "run.json", "lab.json", "names.txt"))
    listed.write_text("".join(f"{name}\n" for name in names(seconds * PER_SECOND)))
    async with lab(lines, seconds) as found:
        config.write_text(json.dumps({**found, **CONFIG}))
        argv = ["--config", config, "--stats", "json", "--progress", "none", "--output", lines, listed]
        with run.open("wb") as errors:
            scan = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "scanner", *map(str, argv), stdin=asyncio.subprocess.DEVNULL, stderr=errors,
                cwd=Path(__file__).parents[2],
            )  # fmt: skip
            try:
                code = await scan.wait()
            finally:
                if scan.returncode is None:
                    scan.kill()
                    await scan.wait()
    if code:
        raise ScanError(f"report: the scan of the demo ended with code {code}")
    return lines, run


def leave_on_signals() -> None:
    """A signal that ends the program ends the scan and the lab first, and leaves no file behind."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        for number in ending():
            loop.add_signal_handler(number, task.cancel, str(128 + number))


@asynccontextmanager
async def lab(lines: Path, seconds: int) -> AsyncIterator[dict[str, list[str]]]:
    """Proxies and resolvers, one of each in trouble from its time on; gives the config of a scan that uses them and
    writes `lines`."""
    servers = [LabServer(nx=NX, loss=LOSS, delay_ms=DELAY_MS, seed=1 + at) for at in range(RESOLVERS)]
    threads = [Thread(target=server.run) for server in servers]
    fleet = [SocksProxy(None, None) for _ in range(PROXIES)]
    for thread in threads:
        thread.start()
    try:
        proxies = [f"socks5://127.0.0.1:{await proxy.listen(0)}" for proxy in fleet]
        trouble = asyncio.create_task(troubled(fleet[DYING], servers[SLOWING], lines, seconds))
        yield {"resolvers": [f"127.0.0.1:{server.port}" for server in servers], "proxies": proxies}
        trouble.cancel()
    finally:
        for proxy in fleet:
            await proxy.close()
        for server, thread in zip(servers, threads, strict=True):
            server.stop()
            thread.join()
            server.close()


async def troubled(proxy: SocksProxy, server: LabServer, lines: Path, seconds: int) -> None:
    """One dies, then one slows down, so long after the first lines."""
    while not lines.exists() or not lines.stat().st_size:
        await asyncio.sleep(LOOK_S)
    await asyncio.sleep(DIES * seconds)
    await proxy.close()
    await asyncio.sleep((SLOWS - DIES) * seconds)
    server.delay(*SLOW_MS)


def names(count: int) -> Iterator[str]:
    """Names of several TLDs; one in sixty asks for trouble, and one in a thousand is none."""
    for number in range(count):
        if number % 1000 == 7:
            yield f"name..{number}"
        elif number % 60 == 3:
            yield f"{TROUBLES[number // 60 % len(TROUBLES)]}.n{number}.lab.test"
        else:
            yield f"n{number}.{TLDS[number % len(TLDS)]}"
