"""Whether those resolvers of an engine answer that names of the input go to; what its trusted ones do is no sign of
that."""

from collections.abc import Collection
from math import inf
from time import monotonic

from scanner.engine import Engine


class Activity:
    """Of `engine`, as far as these of its `resolvers` go; all of them, where it has no trusted ones beside."""

    def __init__(self, engine: Engine, resolvers: Collection[int], *, are_all: bool):
        self.resolvers = resolvers
        self._engine, self._are_all = engine, are_all
        self._responses = self._losses = 0  # losses: when the last response came
        self._heard_at = -inf

    @property
    def silent_s(self) -> float:
        """How long ago the last response came, about; infinite before the first."""
        if self._are_all:
            return self._engine.silent_s
        responses = self._sum("responses")
        if responses != self._responses:
            self._responses, self._losses, self._heard_at = responses, self._sum("losses"), monotonic()
        return monotonic() - self._heard_at

    @property
    def is_troubled(self) -> bool:
        """Attempts failed since then, or a connection cannot be opened."""
        if self._are_all:
            return self._engine.pool.exchange.troubles > 0
        return self._sum("losses") > self._losses or any(
            path.is_failing for path in self._engine.paths if path.resolver in self.resolvers
        )

    @property
    def live(self) -> int:
        """Connections that are open."""
        return self._engine.live if self._are_all else self._engine.live_to(self.resolvers)

    def _sum(self, count: str) -> int:
        return sum(path.tally.count(count) for path in self._engine.paths if path.resolver in self.resolvers)
