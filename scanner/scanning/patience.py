"""How long a scan waits for resolvers that do not answer, before it gives up what waits to be asked."""

from collections.abc import Sequence

from scanner.engine import Engine

OUTAGE_S = 30  # without a response, after which resolvers that have answered are given up


class Patience:
    """Silence counts while jobs wait and attempts fail. `deadline_s` is that of one name."""

    def __init__(self, deadline_s: float, now: float):
        self._deadline_s = deadline_s
        self._quiet_since = now  # nothing was waiting, or nothing failed

    def rest(self, now: float) -> None:
        """The output was behind: the time until now does not count."""
        self._quiet_since = now

    def is_over(self, engines: Sequence[Engine], now: float) -> bool:
        """True when nothing has answered for a whole deadline, or for long where something had before."""
        waits = any(engine.report.live or engine.report.waits for engine in engines)
        if not waits or not any(engine.pool.exchange.troubles for engine in engines):
            self._quiet_since = now
        silent_s = min(engine.silent_s for engine in engines)
        has_answered = any(engine.pool.exchange.heard_at for engine in engines)
        patience_s = max(self._deadline_s, OUTAGE_S if has_answered else 0)
        return min(silent_s, now - self._quiet_since) > patience_s
