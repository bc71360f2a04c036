"""Lines that are kept until the resolver that answered has passed its next canaries: when it gets those out of turn,
and what comes of them.

Out of turn is when nothing else is left to do, or too much is kept. What does not finish its canaries then, several
times in a row, has not passed: its names are asked elsewhere.
"""

from collections.abc import Sequence

from scanner.engine import Engine
from scanner.native.jobs.unproven import Unproven
from scanner.paths.asking import Asking

TRIES = 3  # rounds out of turn that do not finish,
PAUSE_S = 1.0  # with so long between them
CROWDED = 0.5  # of the octets that may be kept: what they are is to be proven
FULL = 0.9  # the same, whatever share of the queries that takes


class Proving:
    """Of `engines`, each of which keeps up to `most` octets of lines."""

    def __init__(self, engines: Sequence[Engine], resolvers: int, most: int):
        self._engines, self._resolvers, self._most = engines, resolvers, most
        self._begun: dict[Asking, tuple[Sequence[int], bool]] = {}  # lines kept until then; whether it is out of turn
        self._proven: dict[int, Sequence[int]] = {}  # by resolver: the same, of the last that it has passed
        self._fell_short: dict[int, tuple[int, float]] = {}  # by resolver: how often in a row, and when to try again
        self._is_last = self._is_full = False
        self._crowding: frozenset[int] = frozenset()  # resolvers with many lines, where too many are kept
        self.is_hurried = False  # the scan was stopped: nothing is tried twice

    @property
    def _stores(self) -> list[Unproven]:
        return [store for engine in self._engines if (store := engine.pool.unproven) is not None]

    def judge(self, resolver: int, trust: int) -> None:
        """What this resolver says is trusted so from now on (native/path.pxd)."""
        for engine in self._engines:
            engine.order(lambda pool, now: pool.judge(resolver, trust, now))

    def kept(self, resolver: int) -> int:
        """Lines of this resolver that are not proven."""
        proven = self._proven.get(resolver) or [0] * len(self._engines)
        return sum(max(store.put_of(resolver) - max(until, store.proven_of(resolver)), 0)
                   for store, until in zip(self._stores, proven, strict=True))  # fmt: skip

    # -- when --------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """See how things stand; `wants` goes by that."""
        reports = [engine.report for engine in self._engines]
        self._is_last = all(report.is_done or report.is_proving for report in reports)
        most = max(store.octets for store in self._stores) / self._most
        self._is_full, self._crowding = most >= FULL, frozenset()
        if most > CROWDED:
            kept = {resolver: count for resolver in range(self._resolvers) if (count := self.kept(resolver))}
            total = sum(kept.values())
            if most * total > CROWDED * sum(store.count for store in self._stores):  # the others are about to leave
                self._crowding = frozenset(each for each, count in kept.items() if count * len(kept) >= total)

    def wants(self, resolver: int, now: float, *, is_dear: bool) -> bool:
        """It is to get its canaries out of turn. `is_dear`: that would be more than their share of the queries."""
        if not self._is_last and (resolver not in self._crowding or (is_dear and not self._is_full)):
            return False
        return now >= self._fell_short.get(resolver, (0, 0.0))[1] and self.kept(resolver) > 0

    # -- rounds ------------------------------------------------------------------------------------------------------

    def began(self, asking: Asking, resolver: int, *, out_of_turn: bool) -> None:
        """It is about to get its canaries."""
        self._begun[asking] = [store.put_of(resolver) for store in self._stores], out_of_turn

    def passed(self, asking: Asking, resolver: int) -> None:
        """What it had said until then is proven."""
        proven, _ = self._begun.pop(asking, ((), False))
        self._fell_short.pop(resolver, None)
        if not proven:
            return
        self._proven[resolver] = proven
        for engine, until in zip(self._engines, proven, strict=True):
            engine.order(lambda pool, _, until=until: pool.prove(resolver, until))  # type: ignore[misc]

    def fell_short(self, asking: Asking, resolver: int, now: float) -> bool:
        """It has not lied, and not passed. True when it is given up for that."""
        _, out_of_turn = self._begun.pop(asking, ((), False))
        if not out_of_turn:
            return False
        times = self._fell_short.get(resolver, (0, 0.0))[0] + 1
        self._fell_short[resolver] = times, now + PAUSE_S
        if times < TRIES and not self.is_hurried:
            return False
        del self._fell_short[resolver]
        return True

    def lied(self, asking: Asking) -> None:
        """Nothing is proven by these."""
        self._begun.pop(asking, None)
