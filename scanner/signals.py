"""The signals that end a run, and those by which somebody asks how it is doing."""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio  # 25 ms, which a command without a loop need not wait for


def ending() -> list[signal.Signals]:
    """SIGINT, SIGTERM and SIGHUP; but no SIGHUP where that is ignored, as nohup(1) has it."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [number for number in numbers if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


def hear(loop: "asyncio.AbstractEventLoop", end: Callable[[int], object], tell: Callable[[], object]) -> None:
    """Have the loop call `end(number)` for each that ends a run, and `tell()` for SIGUSR1 and, on BSD, SIGINFO."""
    for number in ending():
        loop.add_signal_handler(number, end, number)
    for name in ("SIGUSR1", "SIGINFO"):
        if hasattr(signal, name):
            loop.add_signal_handler(getattr(signal, name), tell)
