"""How long a scan waits for resolvers that do not answer, before it gives up what waits to be asked."""

from collections.abc import Sequence

from scanner.engine import Engine

OUTAGE_S = 30  # without a response, after which resolvers that have answered are given up


class Patience:
    """Silence counts while jobs wait and attempts fail. `deadline_s` is that of one name."""

    def __init__(self, deadline_s: float, now: float):
        self._deadline_s = deadline_s
        self._quiet_since = now  # nothing was waiting, or nothing failed
        self.silent_s = 0.0  # for which jobs had waited and nothing had answered, when that was last looked at

    def rest(self, now: float) -> None:
        """The output was behind: the time until now does not count."""
        self._quiet_since = now

    def is_over(self, engines: Sequence[Engine], now: float) -> bool:
        """True when nothing has answered for a whole deadline, or for long where something had before."""
        waits = any(engine.report.live or engine.report.waits for engine in engines)
        if not waits or not any(engine.pool.exchange.troubles for engine in engines):
            self._quiet_since = now
        self.silent_s = min(*(engine.silent_s for engine in engines), now - self._quiet_since)
        has_answered = any(engine.pool.exchange.heard_at for engine in engines)
        patience_s = max(self._deadline_s, OUTAGE_S if has_answered else 0)
        return self.silent_s > patience_s
