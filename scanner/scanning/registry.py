"""The finding of registries' servers, made from the configuration."""

from collections.abc import Callable

from scanner.config.config import Config
from scanner.config.options import RATE_PUBLIC
from scanner.model import Resolver
from scanner.native.limits import Budget
from scanner.registry.asker import Asker, Limits
from scanner.registry.registry import Registry
from scanner.registry.truth import Examiner
from scanner.registry.zones import ROOT_HINTS, Finder, FromRoot, ViaResolvers, server_at
from scanner.scanning.build import registry_scheme
from scanner.scanning.engines import Engines
from scanner.transports.dial import DialLimits


def registry_for(config: Config, engines: Engines, limits: DialLimits, budget: Budget | None,
                 warn: Callable[[str], object]) -> Registry:  # fmt: skip
    """It tells the engines where the names of suffixes go."""
    scheme = registry_scheme(config)
    asker = Asker(config.proxies, limits, config.timeout_ms / 1000, lambda server: rate_of(config, server),
                  Limits(engines.whole_rate, budget))  # fmt: skip
    finder: Finder = ViaResolvers(asker, lambda: engines.asked, scheme, is_tunnelled=bool(config.proxies))
    if config.from_root_hints:
        roots = config.root_hints or [server_at(scheme, address) for address in ROOT_HINTS]
        finder = FromRoot(asker, roots, scheme, is_tunnelled=bool(config.proxies))
    examiner = Examiner(asker, config.types, config.canaries)
    return Registry(finder, examiner, engines, warn, every_s=config.canary_every)


def rate_of(config: Config, server: Resolver) -> float:
    """Questions a second that one server may get: as the scan's names, beside which they are few."""
    if config.rate_per_resolver is not None:
        return config.rate_per_resolver
    return RATE_PUBLIC if server.is_public else 0
