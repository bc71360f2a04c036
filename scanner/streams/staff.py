"""Workers that come later, for resolvers that are found while the scan runs: one for each resolver, and more where a
route's jobs wait for them."""

from collections.abc import Callable, Iterator

from scanner.native.jobs.pool import JobPool
from scanner.routes import Routes

JOBS_EACH = 64  # that wait for one worker, before there is another


class Staff:
    """At most `most` beside the first of each resolver, of all routes together."""

    def __init__(self, most: int):
        self._left = most
        self._hired: dict[int, dict[int, int]] = {}  # by route, by resolver: workers
        self.count = 0

    def hire(self, resolver: int, route: int) -> bool:
        """The first worker of a resolver that is new here."""
        self._hired.setdefault(route, {})[resolver] = 1
        self.count += 1
        return True

    def busy(self, pool: JobPool, parked: Callable[[tuple[int, ...]], int], routes: Routes) -> Iterator[int]:
        """Routes whose workers are all at work, and more is waiting."""
        for route, hired in self._hired.items():
            if self._left <= 0:
                return
            if pool.backlog((route,)) > JOBS_EACH * sum(hired.values()) and not any(
                parked(routes.of(resolver)) for resolver in hired
            ):
                yield route

    def hire_for(self, route: int) -> int:
        """One more, for that resolver of a route that has the fewest; its index."""
        hired = self._hired[route]
        resolver = min(hired, key=hired.__getitem__)
        hired[resolver] += 1
        self._left -= 1
        self.count += 1
        return resolver
