"""What reports how a scan is doing, as the configuration wants it: progress, heartbeat, metrics, summary."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

from scanner.config.config import Config, describe
from scanner.extras import need
from scanner.status import summary
from scanner.status.console import Console
from scanner.status.heartbeat import Heartbeat, heartbeat
from scanner.status.progress import Progress
from scanner.status.view import View


class Reporters:
    """Report what `view` shows. `descriptors` are the scan's input and output: no file of ours may be one of them.
    Nothing is drawn over names that are typed."""

    def __init__(self, config: Config, view: View, console: Console, descriptors: Sequence[int], *, is_typed: bool):
        self._config, self._view, self._console = config, view, console
        self._descriptors = descriptors
        self._progress = Progress(view, console, config.progress, is_typed=is_typed)
        self._stop_serving: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Before the first packet. Raises ScanError."""
        config = self._config
        files = {}
        if config.heartbeat:
            files["--heartbeat", config.heartbeat] = partial(heartbeat, self._view)
        if config.metrics_file:
            name = Path(config.metrics_file).stem
            files["--metrics-file", config.metrics_file] = metrics("--metrics-file").exposition(self._view, name)
        self._heartbeat = Heartbeat(files, self._descriptors, self._console.warn)
        self._heartbeat.start()
        if config.metrics:
            self._stop_serving = metrics("--metrics").serve(self._view, *config.metrics)

    def tick(self, now: float) -> None:
        """Update whatever is due."""
        self._view.sample(now)
        self._progress.tick(now)
        self._heartbeat.tick(now)

    def status(self) -> None:
        """One line, on request."""
        self._progress.status()

    async def close(self, ended_by: str) -> None:
        """Write the files for the last time, stop serving; `ended_by` says what ended the scan."""
        self._view.end(ended_by)
        self._console.wipe()
        await self._heartbeat.close()
        self._stop_serving()

    def summarize(self, connections: int, stopped_by: str) -> None:
        """The books, once, at the end; `connections` were live then. `stopped_by` says why the input did not end, where
        that is so."""
        troubles = self._console.troubles
        if self._config.stats == "json":
            self._console.say(summary.as_json(self._view, connections=connections, troubles=troubles,
                                              settings=describe(self._config)))  # fmt: skip
        elif not self._config.quiet:
            for line in summary.as_text(self._view, troubles, stopped_by):
                self._console.say(f"dnsscan: {line}")


def metrics(flag: str) -> ModuleType:
    """The module, whose library is an extra. Raises ScanError where that is missing."""
    need(flag, "metrics", "prometheus_client")
    from scanner.status import metrics

    return metrics
