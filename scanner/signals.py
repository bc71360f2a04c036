"""The signals that end a run."""

import signal


def ending() -> list[signal.Signals]:
    """SIGINT, SIGTERM and SIGHUP; but no SIGHUP where that is ignored, as nohup(1) has it."""
    numbers = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    return [number for number in numbers if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
