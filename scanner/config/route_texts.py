"""Routes as they are given: in a file a table, as a flag one text each. What stands in them is checked in routes.py."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from scanner.text import shown, token

AUTHORITATIVE = "authoritative"
RESOLVERS = ("resolvers", "resolver")


class RouteText(NamedTuple):
    """One route as it was given."""

    suffix: str
    texts: tuple[str, ...]
    authoritative: bool


class RouteTexts:
    """The table of a file; as a flag `SUFFIX=ADDR,ADDR`."""

    @property
    def may_be(self) -> str:
        return "a table"

    def read(self, value: Any, *, is_flag: bool) -> tuple[RouteText, ...] | None:
        if value is None:
            return None
        if is_flag:
            return tuple(flag_route(text) for text in value)
        if not isinstance(value, Mapping):
            raise ValueError('must be a table, for example {"com": ["192.0.2.1"]}')
        return tuple(file_route(suffix, found) for suffix, found in value.items())


def flag_route(text: str) -> RouteText:
    """`com=192.0.2.1,192.0.2.2`. Raises ValueError."""
    suffix, _, addresses = text.partition("=")
    if not suffix or not addresses:
        raise ValueError(f"{shown(text)} is not SUFFIX=ADDR, for example com=192.0.2.1")
    return RouteText(suffix, (addresses,), False)


def file_route(suffix: str, value: Any) -> RouteText:
    """An address, a list of them, or a table. Raises ValueError."""
    table = value if isinstance(value, Mapping) else {"resolvers": value}
    if strange := [key for key in table if key not in (*RESOLVERS, AUTHORITATIVE)]:
        raise ValueError(f"{shown(suffix)}: unknown key {token(strange[0])}; known are resolvers, authoritative "
                         "(a suffix with dots stands in quotes)")  # fmt: skip
    texts, authoritative = (
        next((table[key] for key in RESOLVERS if key in table), None),
        table.get(AUTHORITATIVE, False),
    )
    texts = (texts,) if isinstance(texts, str) else texts
    if not isinstance(texts, list | tuple) or not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError(
            f"{shown(suffix)}: must be an address, a list of them, or a table of resolvers and authoritative"
        )
    if type(authoritative) is not bool:
        raise ValueError(f"{shown(suffix)}: {AUTHORITATIVE} is neither true nor false")
    return RouteText(suffix, tuple(texts), authoritative)
