"""Which resolver a worker's next connection goes to: the policies, as they are for streams. Nothing here opens one."""

import asyncio
import random
from collections.abc import Callable, Sequence
from math import lcm

from scanner.native.path import TRUSTS
from scanner.paths.health import PathHealth
from scanner.paths.path import Path, Paths
from scanner.routes import Routes

DISTRUSTED = TRUSTS.index("distrusted")
DRAWN = 4  # resolvers at a time, of which one is likely to work
MOVING = ("random", "sequential", "best")  # a worker's next connection may go to another resolver


class Choice:
    """`resolvers` are those that are asked over streams, each as often as it is to have a worker beside the others;
    `open_to(egress, resolver)` is how many connections there are. With a policy that does not move, worker i has one
    resolver for life."""

    def __init__(self, policy: str, resolvers: Sequence[int], egresses: int, routes: Routes, paths: Paths,
                 open_to: Callable[[int, int], int]):  # fmt: skip
        self._policy, self._resolvers, self._routes, self._paths = policy, resolvers, routes, paths
        self._open_to = open_to
        self._egresses = egresses
        self._around = lcm(egresses, len(resolvers) or 1)  # workers after which the pairs would be the same
        self._alike: dict[tuple[int, ...], list[int]] = {}  # resolvers by their routes, in the list's order
        for resolver in dict.fromkeys(resolvers):
            self._alike.setdefault(routes.of(resolver), []).append(resolver)
        for (first, *_), alike in self._alike.items():
            alike.sort(key=lambda each, first=first: routes.ranks(each)[routes.of(each).index(first)])  # type: ignore[misc]

    @property
    def moves(self) -> bool:
        """True when a worker's next connection may go to another resolver."""
        return self._policy in MOVING

    def first(self, worker: int) -> int:
        """The resolver of worker i, where there is nothing to choose: as many workers for each, in order."""
        return self._resolvers[(worker + worker // self._around) % len(self._resolvers)]

    def next(self, egress: int, resolver: int) -> int:
        """Where the next connection of a worker goes that had this resolver: to one of the same routes that works, or
        is due to be tried again; where there is none, to the one that is due first."""
        alike = self._alike.get(self._routes.of(resolver), [resolver])
        if self._policy == "sequential":
            first = next((each for each in alike if self._is_usable(egress, each)), None)
            return self._first_due(egress, alike, resolver) if first is None else first
        drawn = [each for each in random.sample(alike, min(DRAWN, len(alike))) if self._is_usable(egress, each)]
        drawn = drawn or [each for each in alike if self._is_usable(egress, each)]
        if not drawn:
            return self._first_due(egress, alike, resolver)
        if self._policy == "random":
            return drawn[0]
        return min(random.sample(drawn, min(2, len(drawn))), key=lambda each: self._load(egress, each))

    def goes_before(self, egress: int, resolver: int) -> int | None:
        """With `sequential`, a resolver that is to be used instead of this one; None = this one is right."""
        if self._policy != "sequential" or resolver not in self._resolvers:
            return None
        better = self.next(egress, resolver)
        return better if better != resolver else None

    def works(self, egress: int, resolver: int) -> bool:
        """True when it has not failed."""
        path = self._paths.known(egress, resolver)
        return path is None or not path.is_failing

    def _first_due(self, egress: int, alike: Sequence[int], resolver: int) -> int:
        """Where none is usable: the one that is to be tried again first, of those that are not left out."""
        left = [each for each in alike if not self._routes.is_left_out(each)]
        return min(left, key=lambda each: self._due_at(egress, each), default=resolver)

    def _is_usable(self, egress: int, resolver: int) -> bool:
        if self._routes.is_left_out(resolver) or self._paths.trust_of(resolver) == DISTRUSTED:
            return False
        path = self._paths.known(egress, resolver)
        return path is None or is_due(path.health)

    def _due_at(self, egress: int, resolver: int) -> float:
        path = self._paths.known(egress, resolver)
        return path.health.try_at if path is not None else 0

    def _load(self, egress: int, resolver: int) -> float:
        """Connections, this one included, by what one delivers. One that was not used yet is worth trying."""
        path = self._paths.known(egress, resolver)
        return 0.0 if path is None else (self._open_to(egress, resolver) + 1) / max(worth(path), 1e-9)


def is_due(health: PathHealth) -> bool:
    """True when it works, or has failed and no worker is about to try it though it is time to."""
    now = asyncio.get_running_loop().time()
    return not health.is_left_out and (not health.is_failing or (health.is_free and now >= health.try_at))


def worth(path: Path) -> float:
    """Responses a second that a connection of the path brings, by its windows and round trips, less what is lost."""
    tally = path.tally
    responses, losses = tally.count("responses"), tally.count("losses")
    rtt_s = (tally.quantile_ms(0.5) or 1.0) / 1000
    windows = path.windows
    window = sum(windows) / len(windows) if windows else 1
    return max(window, 1) / max(rtt_s, 1e-4) * (responses + 1) / (responses + losses + 1)
