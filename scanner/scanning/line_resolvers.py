"""The resolvers that input lines name: each gets a route of its own when the input first has it, before the engines
read the line. Who is named is asked, and nobody else is: there is no other to fall back on."""

from collections.abc import Callable

from scanner.errors import ScanError
from scanner.model import Resolver
from scanner.native.input.columns import Columns

RESOLVERS_MAX = 4096  # each has a path, and over streams a connection
TOO_MANY = f"over {RESOLVERS_MAX} different resolvers in the column"

Found = tuple[int, bool, str]
"""A route, whether its resolver must not hear of special-use names, and why there is no route where that is 0."""


class LineResolvers:
    """`resolver_of(text)` reads one, or raises ScanError; `add(resolver)` makes a route to it. `withholds`: public ones
    do not hear of special-use names."""

    def __init__(self, columns: Columns, resolver_of: Callable[[str], Resolver], add: Callable[[Resolver], int], *,
                 withholds: bool):  # fmt: skip
        self._columns, self._resolver_of, self._add, self._withholds = columns, resolver_of, add, withholds
        self._known: dict[bytes, Found] = {}  # by text; those that can be asked
        self._routes: dict[Resolver, int] = {}

    def see(self, lines: bytes) -> bool:
        """Whole lines that the engines are about to get; True where they name new resolvers."""
        before = len(self._routes)
        for text in self._columns.resolvers_in(lines) - self._known.keys():
            if len(self._known) < RESOLVERS_MAX:
                self._meet(text)
        return len(self._routes) > before

    def route_of(self, text: bytes) -> Found:
        """Any thread may ask, once the line was seen."""
        return self._known.get(text) or (0, False, self._fault(text))

    def _meet(self, text: bytes) -> None:
        try:
            resolver = self._resolver_of(text.decode("utf-8", "replace"))
        except ScanError:
            return
        if resolver not in self._routes:
            self._routes[resolver] = self._add(resolver)
        self._known[text] = self._routes[resolver], self._withholds and resolver.is_public, ""

    def _fault(self, text: bytes) -> str:
        try:
            self._resolver_of(text.decode("utf-8", "replace"))
        except ScanError as error:
            return str(error)
        return TOO_MANY
