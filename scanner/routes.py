"""Which resolvers each route has: those that are left of the configuration's."""

from collections.abc import Collection, Sequence


class Routes:
    """`members` are the resolvers of each route, by their indexes; a resolver may be of several."""

    def __init__(self, members: Sequence[Collection[int]]):
        self._members = [set(resolvers) for resolvers in members]
        self._routes: dict[int, tuple[int, ...]] = {}  # by resolver
        self._ranks: dict[int, tuple[int, ...]] = {}  # the same: its place in each of these, in the list's order
        for route, resolvers in enumerate(members):
            for rank, resolver in enumerate(resolvers):
                self._routes[resolver] = (*self._routes.get(resolver, ()), route)
                self._ranks[resolver] = (*self._ranks.get(resolver, ()), rank)

    def add(self, route: int, resolvers: Collection[int]) -> None:
        """These are resolvers of a route too, which may be a new one."""
        while len(self._members) <= route:
            self._members.append(set())
        for resolver in resolvers:
            if resolver not in self._members[route]:
                rank = len(self._members[route])
                self._members[route].add(resolver)
                self._routes[resolver] = (*self._routes.get(resolver, ()), route)
                self._ranks[resolver] = (*self._ranks.get(resolver, ()), rank)

    def __len__(self) -> int:
        return len(self._members)

    def of(self, resolver: int) -> tuple[int, ...]:
        """The routes of a resolver."""
        return self._routes[resolver]

    def ranks(self, resolver: int) -> tuple[int, ...]:
        """Its place in each of its routes, in the order in which they were listed."""
        return self._ranks[resolver]

    def may_lose(self, resolver: int) -> bool:
        """True when each of its routes has another."""
        members = (self._members[route] for route in self._routes[resolver])
        return all(len(each) > (resolver in each) for each in members)

    def is_alone(self, resolver: int) -> bool:
        """True when one of its routes has but one resolver."""
        return any(len(self._members[route]) == 1 for route in self._routes[resolver])

    def is_left_out(self, resolver: int) -> bool:
        """True when its routes do without it."""
        return resolver not in self._members[self._routes[resolver][0]]

    def leave_out(self, resolver: int) -> None:
        """Its routes do without it from now on."""
        for route in self._routes[resolver]:
            self._members[route].discard(resolver)

    def members(self, route: int) -> frozenset[int]:
        """The resolvers of a route."""
        return frozenset(self._members[route])

    def in_turn(self, among: Collection[int]) -> list[int]:
        """Each of these resolvers once; then in turn one of each route that has any, the same number for each."""
        ours = frozenset(among)
        of_routes = [found for members in self._members if (found := sorted(members & ours))]
        longest = max(map(len, of_routes), default=0)
        shared = [found[turn % len(found)] for turn in range(longest) for found in of_routes]
        return shared if len(of_routes) < 2 else [*dict.fromkeys(shared), *shared]
