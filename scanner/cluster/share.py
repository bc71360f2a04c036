"""A node's share of a scan's egress: its proxies, its part of the rates."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scanner.config.endpoints import resolver_from_text
from scanner.config.options import RATE_PUBLIC, WORKERS_WITH_PROXIES
from scanner.errors import ScanError


class Node(NamedTuple):
    """One worker among those that are there: the `number`-th of `nodes`, and of its machine's `beside` the `place`-th;
    both from 0. It runs `slots` parts at a time."""

    number: int
    nodes: int
    place: int
    beside: int
    slots: int


def share_of(table: Mapping[str, Any], node: Node, parts: int) -> dict[str, Any]:
    """The configuration for one part, where `parts` are in the scan. Proxies are dealt: of K nodes the k-th has every
    K-th, and no node is without one, for it would ask from its own address. `rate` is divided among the parts that may
    run; `rate_per_resolver`, which holds for an egress, among those that share one; tunnels as their proxies are."""
    share, proxies = dict(table), list(table.get("proxies", ()))
    if proxies:
        share["workers"] = tunnels(table.get("workers", WORKERS_WITH_PROXIES), len(proxies), node.nodes)
        share["proxies"] = proxies[node.number % len(proxies) :: node.nodes] or [proxies[node.number % len(proxies)]]
    if table.get("rate"):
        share["rate"] = divided(table["rate"], min(node.nodes * node.slots, parts), "rate")
    together = node.slots * (sharing_proxies(len(proxies), node.nodes) if proxies else node.beside)
    if together > 1:
        per_resolver = table.get("rate_per_resolver", default_rate(resolvers_of(table)))
        if per_resolver:
            share["rate_per_resolver"] = divided(per_resolver, together, "rate_per_resolver")
    return share


def tunnels(workers: int, proxies: int, nodes: int) -> int:
    """Of `workers` tunnels of the whole, those of one node: no proxy has more than in one scan, and each has one."""
    dealt = -(-proxies // nodes)
    return max(workers * dealt // proxies // sharing_proxies(proxies, nodes), dealt)


def sharing_proxies(proxies: int, nodes: int) -> int:
    """How many nodes may have the same proxy."""
    return -(-nodes // proxies)


def resolvers_of(table: Mapping[str, Any]) -> list[str]:
    """All that names may be asked of."""
    of_routes = (resolver for route in table.get("routes", {}).values() for resolver in route["resolvers"])
    return [*table.get("resolvers", ()), *of_routes]


def default_rate(resolvers: Sequence[str]) -> int:
    """What one egress may ask of one resolver where nothing was said, in queries a second; 0 = no limit."""
    return RATE_PUBLIC if any(resolver_from_text(resolver).is_public for resolver in resolvers) else 0


def divided(rate: int, among: int, key: str) -> int:
    """A share of a rate, in queries a second. Raises ScanError where it would be nothing."""
    if rate < among:
        raise ScanError(f"{key} {rate:,} cannot be divided among {among:,} parts at a time: raise it, or have fewer")
    return rate // among
