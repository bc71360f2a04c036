"""How long connections are kept: those that nobody needs, and those that have been open for long. What is to be ended
is drained, never cut: it gets no more names, and closes when the last answer has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Protocol

from scanner.native.path import PathState

AGE_LEAST = 0.75  # of the greatest age, from which on a connection may be drained: they shall not all end at once


class Kept(Protocol):
    """A connection, as far as its age and use go. Times in seconds, on one clock."""

    opened_at: float
    share_of_age: float  # of the greatest age: what this one gets

    @property
    def state(self) -> PathState: ...
    @property
    def retires(self) -> bool: ...
    @property
    def idle_since(self) -> float:
        """When it was last used; infinite while something is in flight."""
        ...

    def retire(self) -> None:
        """Drain it."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Seconds; 0 = no limit. `idle_max` is of one path."""

    expire_s: float = 0
    age_max_s: float = 0
    idle_max: int = 0

    def due(self, connections: Iterable[Kept], now: float, *, names_wait: bool) -> list[Kept]:
        """Those that are to be drained, the oldest first. Where names wait, for a rate, nothing is idle."""
        kept = sorted((each for each in connections if not each.retires), key=lambda each: each.opened_at)
        due = [each for each in kept if self._is_old(each, now)]
        if names_wait:
            return due
        due += [each for each in kept if each not in due and self.expire_s and now - each.idle_since >= self.expire_s]
        return due + self._too_many([each for each in kept if each not in due]) if self.idle_max else due

    def _is_old(self, each: Kept, now: float) -> bool:
        return self.age_max_s > 0 and now - each.opened_at >= self.age_max_s * each.share_of_age

    def _too_many(self, kept: list[Kept]) -> list[Kept]:
        """Of each path, idle ones beyond as many as may be; those that have been idle for longest."""
        idle: dict[PathState, list[Kept]] = {}
        for each in sorted(kept, key=lambda each: each.idle_since):
            if each.idle_since < inf:
                idle.setdefault(each.state, []).append(each)
        return [each for those in idle.values() for each in those[: max(len(those) - self.idle_max, 0)]]
