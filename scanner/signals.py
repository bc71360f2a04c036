"""The signals that end a run, and those that ask how it is doing."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio  # 25 ms, which a command without a loop need not wait for

STOPPING = "stopping; what is in flight is finished first, a second Ctrl-C leaves at once"


def stopped_text(by: str, resume: str) -> str:
    """What stopped a run before its input ended, and how to go on; `resume` is empty where nothing is kept for that."""
    text = f"stopped by {by}: the rest of the input has no lines"
    return f"{text}; {resume}" if resume else text


def same_with_resume(*, forced: bool) -> str:
    """The command that goes on with a run; --force would begin anew."""
    return f"the same command with --resume{' in the place of --force' if forced else ''} goes on with it"


def typed_name(number: int) -> str:
    """`Ctrl-C`, `SIGTERM`."""
    return "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name


def ending() -> list[signal.Signals]:
    """SIGINT, SIGTERM and SIGHUP; but no SIGHUP where that is ignored, as nohup(1) has it."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [number for number in numbers if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


def hear(loop: "asyncio.AbstractEventLoop", end: Callable[[int], object], report: Callable[[], object]) -> None:
    """Have the loop call `end(number)` for each that ends a run, and `report()` for SIGUSR1 and, on BSD, SIGINFO."""
    for number in ending():
        loop.add_signal_handler(number, end, number)
    for number in asking():
        loop.add_signal_handler(number, report)


def asking() -> list[signal.Signals]:
    """Those that ask how a run is doing."""
    return [getattr(signal, name) for name in ("SIGUSR1", "SIGINFO") if hasattr(signal, name)]


@contextlib.contextmanager
def no_status_signals() -> Iterator[None]:
    """What stands inside closes a loop, which gives its signals their default action back: a question that comes after
    it must not kill the process. In other threads than the main one nothing is done."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, asking())
    heard = [number for number in asking() if signal.getsignal(number) not in (signal.SIG_DFL, signal.SIG_IGN)]
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
