"""Start the lab, print its config, serve until stopped; or run a command beside it."""

import asyncio
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import uvloop

from scanner.errors import ScanError
from scanner.extras import need
from scanner.lab.path import LabPath
from scanner.lab.proxy import SocksProxy
from scanner.lab.server import LabServer, address

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def serve(*, write_config: Path | None, **options: Any) -> int:
    """Print the config (or write it), serve until a signal; returns the exit code. Raises ScanError."""
    return run(_serve(write_config, options))


def run_command(command: list[str], *, write_config: Path | None, **options: Any) -> int:
    """Run a command with the lab up, `{config}` in it replaced; returns the command's exit code. Raises ScanError."""
    return run(_run_command(command, write_config, options))


def run(main: Coroutine[Any, Any, int]) -> int:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.get_loop().set_exception_handler(fault)
        return runner.run(main)


async def _serve(write_config: Path | None, options: dict[str, Any]) -> int:
    stopped = asyncio.Event()
    for number in STOPPING:
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with up(**options) as config:
        if write_config:
            write_config_to(write_config, config)
        else:
            print(json.dumps(config), flush=True)
        await stopped.wait()
    return 0


async def _run_command(command: list[str], write_config: Path | None, options: dict[str, Any]) -> int:
    async with up(**options) as config:
        with tempfile.TemporaryDirectory(prefix="dnsscan-lab-") as folder:
            path = write_config or Path(folder) / "lab.json"
            write_config_to(path, config)
            argv = [word.replace("{config}", str(path)) for word in command]
            try:
                child = await asyncio.create_subprocess_exec(*argv, env={**os.environ, "DNSSCAN_LAB_CONFIG": str(path)})
            except OSError as error:
                raise ScanError(f"lab: cannot run {argv[0]}: {error.strerror}") from None
            for number in STOPPING:  # the child decides what a signal means; a terminal has sent its own already
                asyncio.get_running_loop().add_signal_handler(number, pass_on, child, number)
            code = await child.wait()
    return code if code >= 0 else 128 - code


def fault(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A peer's reset that meets the end of its connection here is left in a future that nothing awaits any more."""
    if not isinstance(context.get("exception"), ConnectionError):
        loop.default_exception_handler(context)


def pass_on(child: asyncio.subprocess.Process, number: signal.Signals) -> None:
    """Pass a signal on to the child, unless its terminal has sent it already."""
    if number != signal.SIGINT or not sys.stdin.isatty():
        with suppress(ProcessLookupError):
            child.send_signal(number)


def write_config_to(path: Path, config: dict[str, Any]) -> None:
    """It may hold a password: only its owner may read it. Raises ScanError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w") as out:
            out.write(json.dumps(config) + "\n")
    except OSError as error:
        raise ScanError(f"lab: cannot write the config to {path}: {error.strerror}") from None


@asynccontextmanager
async def up(
    *,
    proxies: int,
    addresses: int,
    nx: float,
    loss: float,
    delay_ms: tuple[int, int],
    port: int,
    proxy_port: int,
    user: str | None,
    password: str | None,
    registries: bool,
    registry_log: Path | None,
    path: LabPath | None = None,
    seed: int = 1,
) -> AsyncIterator[dict[str, Any]]:
    """The lab, running; gives the config of a scan that uses it. The counts of a path go to stderr at the end. Raises
    ScanError when a port is taken."""
    try:
        server = LabServer(port=port, addresses=addresses, nx=nx, loss=loss, delay_ms=delay_ms, path=path, seed=seed)
    except OSError as error:
        raise ScanError(f"lab: port {port}: {error.strerror or error}") from None
    thread = Thread(target=server.run)
    thread.start()
    datagrams = addresses > 1 or path is not None  # none go through the proxies
    fleet = [SocksProxy(user, password) for _ in range(0 if datagrams else proxies)]
    try:
        config: dict[str, Any] = {"resolvers": [f"127.0.0.1:{server.port}"]}
        if datagrams:
            config["resolvers"] = [f"udp://{address(index)}:{server.port}" for index in range(addresses)]
        if fleet:
            config["proxies"] = [await listening(each, proxy_port, index) for index, each in enumerate(fleet)]
        async with started_registries(server.port, registry_log) if registries else nullcontext() as confirm:
            yield {**config, "confirm": confirm} if registries else config
    finally:
        for each in fleet:
            await each.close()
        server.stop()
        thread.join()
        if path is not None:
            print(json.dumps(server.counts()), file=sys.stderr, flush=True)
        server.close()


def started_registries(dns_port: int, log: Path | None) -> AbstractAsyncContextManager[dict[str, Any]]:
    """Raises ScanError where what makes certificates is not installed."""
    need("lab --registries", "registries", "trustme")
    from scanner.lab.registries import registries  # with what makes certificates, which takes its time

    return registries(dns_port, log)


async def listening(proxy: SocksProxy, first_port: int, index: int) -> str:
    """Start the proxy; the URL of it. Raises ScanError."""
    wanted = first_port + index if first_port else 0
    try:
        port = await proxy.listen(wanted)
    except (OSError, OverflowError) as error:
        raise ScanError(f"lab: port {wanted}: {getattr(error, 'strerror', None) or error}") from None
    return f"socks5://{proxy.credentials}127.0.0.1:{port}"
