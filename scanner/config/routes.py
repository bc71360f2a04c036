"""Routes: whom the names below a suffix are asked of. Texts become checked ones, and those indexes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from scanner.config.route_texts import AUTHORITATIVE, RouteText
from scanner.config.values import Values
from scanner.errors import ScanError
from scanner.input.line import SPECIAL_USE, ascii_name_of, fault
from scanner.model import Resolver, Route
from scanner.text import shown

ROOT = "."

Entries = Callable[[str, str], list[tuple[str, str]]]
"""What a text holds: each resolver with its place."""


@dataclass(frozen=True, slots=True)
class Named:
    """One route, checked."""

    suffix: str  # in lower case, no dot at its end; "" = the root
    resolvers: tuple[Resolver, ...]
    authoritative: bool


def named_routes(values: Values, entries: Entries, resolver: Callable[[str], Resolver]) -> tuple[Named, ...]:
    """Those of the flags or the file. Raises ScanError."""
    found: dict[str, Named] = {}
    for text in values.value("routes"):
        try:
            route = Named(suffix_from_text(text.suffix), *servers_of(text, entries, resolver))
            if route.suffix in found:
                raise ValueError(f"{shown(route.suffix or ROOT)} has two routes")
        except ValueError as error:
            place = values.where("routes") if "routes" in values.flags else f"{values.source.at(text.suffix)}: routes"
            raise ScanError(f"{place}: {shown(text.suffix)}: {error}") from None
        found[route.suffix] = route
    return tuple(found.values())


def servers_of(
    text: RouteText, entries: Entries, resolver: Callable[[str], Resolver]
) -> tuple[tuple[Resolver, ...], bool]:
    """The resolvers of a route, and whether they are authoritative. Raises ValueError, or ScanError where a file of
    resolvers is wrong."""
    resolvers, authoritative = [], text.authoritative
    for word, place in [entry for each in text.texts for entry in entries(each, "")]:
        if word == AUTHORITATIVE:
            authoritative = True
            continue
        try:
            resolvers.append(resolver(word))
        except ScanError as error:
            if place:
                raise ScanError(f"{place}: {error}") from None
            raise ValueError(error) from None
    if not resolvers:
        raise ValueError("no resolver stands there, for example 192.0.2.53")
    return tuple(dict.fromkeys(resolvers)), authoritative


def suffix_from_text(text: str) -> str:
    """The A-labels of a suffix; "" for the root. Raises ValueError."""
    if text == ROOT:
        return ""
    if text.startswith((".", "*.")):
        raise ValueError(f"is no suffix; write it as {shown(text.lstrip('*.'))}")
    name = text if text.isascii() else ascii_name_of(text)
    why = fault(text, name) if text else "empty"
    if why or name is None:
        raise ValueError(f"is no suffix ({why}); write for example com, corp.example or .")
    return name.lower().removesuffix(".")


def joined(default: Sequence[Resolver], named: Sequence[Named], trusted: Sequence[Resolver], *, all_names: bool
           ) -> tuple[tuple[Resolver, ...], tuple[Route, ...], tuple[tuple[str, int], ...]]:  # fmt: skip
    """All resolvers, those over UDP first, so that they are one block; the routes by their indexes, the first that of
    names with none of the suffixes, the last that of the trusted ones where there are any; the suffixes, each with its
    route's index."""
    root = next((route for route in named if not route.suffix), Named("", tuple(default), False))
    below = [route for route in named if route.suffix]
    everything = dict.fromkeys([each for route in (root, *below) for each in route.resolvers] + list(trusted))
    resolvers = tuple(sorted(everything, key=lambda each: each.scheme != "udp"))
    index = {each: number for number, each in enumerate(resolvers)}
    routes: dict[Route, int] = {}  # routes to the same servers are one
    suffixes = {}
    for each in (root, *below):
        route = Route(tuple(index[resolver] for resolver in each.resolvers), each.authoritative)
        suffixes[each.suffix] = routes.setdefault(
            route if route.resolvers else Route((), False, "connection"), len(routes)
        )
    if below and not all_names:
        for suffix in special_suffixes(suffixes, tuple(routes), resolvers):
            suffixes[suffix] = routes.setdefault(Route((), False, "special"), len(routes))
    del suffixes[""]
    if trusted:
        route = Route(tuple(sorted(index[each] for each in trusted)), trusted=True)
        routes[route] = len(routes)
    return resolvers, tuple(routes), tuple(suffixes.items())


def special_suffixes(
    suffixes: Mapping[str, int], routes: Sequence[Route], resolvers: Sequence[Resolver]
) -> Iterator[str]:
    """Special-use suffixes without a route of their own, whose names public resolvers would be asked for."""
    for suffix in SPECIAL_USE:
        if suffix in suffixes:
            continue
        labels = suffix.split(".")
        nearest = next(above for at in range(1, len(labels) + 1) if (above := ".".join(labels[at:])) in suffixes)
        if any(resolvers[index].is_public for index in routes[suffixes[nearest]].resolvers):
            yield suffix
