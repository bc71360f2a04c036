"""A path: one egress (a proxy, or none) to one resolver; made when it is first used, one for a whole engine."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from math import inf

from scanner.model import Proxy, Resolver
from scanner.native.limits import Bucket
from scanner.native.path import PathState
from scanner.native.session import Session
from scanner.native.tally import Tally
from scanner.paths.health import PathHealth
from scanner.routes import Routes

BURST_S = 0.02  # of its rate that may be saved up
BURST_DATAGRAMS_S = 0.004  # a server's buffer holds a few hundred


def burst_s(resolvers: Sequence[Resolver]) -> float:
    """How much of a rate these may have at once."""
    return BURST_DATAGRAMS_S if any(resolver.scheme == "udp" for resolver in resolvers) else BURST_S


class Buckets:
    """The bucket of each pair of egress and resolver: one for all engines, made when first used.

    Rates in queries a second. `each` is that of a pair; None: `public` for public resolvers, no limit for others.
    `whole` is that of all together; 0: no limit."""

    def __init__(self, resolvers: Sequence[Resolver], each: int | None, public: int, whole: int = 0):
        self._resolvers, self._each, self._public = resolvers, each, public
        self._whole_rate, self._share = whole, 1.0
        self._whole = Bucket(whole, burst_s(resolvers)) if whole else None
        self._made: dict[tuple[int, Resolver], Bucket] = {}  # two entries that are one resolver share it

    def rate_of(self, resolver: int) -> int:
        """Queries a second for one egress, 0 = no limit."""
        return self._rate_of(self._resolvers[resolver])

    def _rate_of(self, resolver: Resolver) -> int:
        if self._each is not None:
            return self._each
        return self._public if resolver.is_public else 0

    @property
    def whole(self) -> Bucket | None:
        """That of all together; None: no limit."""
        return self._whole

    @property
    def any_rate(self) -> bool:
        """True when one of them limits."""
        return self._whole is not None or any(self.rate_of(index) for index in range(len(self._resolvers)))

    def bucket(self, egress: int, resolver: int) -> Bucket:
        """The bucket of the pair."""
        key = egress, self._resolvers[resolver]
        if key not in self._made:
            self._made[key] = Bucket(self.rate_of(resolver) * self._share, burst_s([key[1]]), self._whole)
        return self._made[key]

    @property
    def most(self) -> float:
        """Queries a second that those in use allow together; infinite without a limit."""
        rates = [self._rate_of(resolver) for _, resolver in list(self._made)]
        return min(self._whole_rate or inf, sum(rates) if rates and all(rates) else inf)

    def pace(self, share: float) -> None:
        """Every rate is this share of what it is, above 0, from now on."""
        self._share = share
        if self._whole is not None:
            self._whole.limit(self._whole_rate * share, burst_s(self._resolvers))
        for (_, resolver), bucket in list(self._made.items()):
            if rate := self._rate_of(resolver):
                bucket.limit(rate * share, burst_s([resolver]))


class Path:
    """What is known of one egress to one resolver; its counts and habits stand in native `state`."""

    def __init__(self, egress: int, proxy: Proxy | None, resolver: int, target: Resolver, bucket: Bucket,
                 routes: tuple[int, ...] = (0,)):  # fmt: skip
        self.egress, self.proxy = egress, proxy
        self.resolver, self.target = resolver, target
        self.state = PathState(egress, resolver, bucket, routes)
        self.health = PathHealth()
        self.sessions: list[Session] = []  # of the workers that have it for life

    @property
    def tally(self) -> Tally:
        """What became of its queries."""
        return self.state.tally

    @property
    def stream_target(self) -> Resolver:
        """Where its streams go: what its datagrams cannot bring is asked over TCP."""
        return replace(self.target, scheme="tcp") if self.target.scheme == "udp" else self.target

    @property
    def windows(self) -> list[int]:
        """Of each connection that was used: queries that may be in flight."""
        return [session.window for session in self.sessions if session.sent]

    @property
    def refuses(self) -> bool:
        """True when its resolver refuses everything and it is still asked."""
        return self.state.refusing and not self.health.is_left_out

    @property
    def is_left_out(self) -> bool:
        """True when its resolver refused everything, and is asked no more."""
        return self.health.is_left_out

    @property
    def in_flight(self) -> int:
        """Queries that wait for their response."""
        return self.tally.count("queries") - self.tally.count("responses") - self.tally.count("losses")

    @property
    def egress_pauses(self) -> int:
        """Pauses that its proxy is to blame for, as far as that can be known."""
        return self.health.egress_pauses

    @property
    def resolver_pauses(self) -> int:
        """Pauses that its resolver is to blame for, as far as that can be known."""
        return self.health.resolver_pauses

    @property
    def is_failing(self) -> bool:
        """True when the last connection could not be opened or ended without any response."""
        return self.health.is_failing

    @property
    def is_waited_for(self) -> bool:
        """True when it does not fail, or is tried once more at once."""
        return not self.health.is_failing or self.health.is_tried_soon

    @property
    def pausing(self) -> int:
        """Workers that wait for it to work again."""
        return self.health.pausing


class Paths:
    """The paths of one engine."""

    def __init__(self, proxies: Sequence[Proxy], resolvers: Sequence[Resolver], buckets: Buckets, routes: Routes):
        self._proxies: Sequence[Proxy | None] = proxies or (None,)
        self._resolvers, self._buckets, self._routes = resolvers, buckets, routes
        self._made: dict[tuple[int, int], Path] = {}
        self._to: dict[int, list[Path]] = {}  # the same, by resolver
        self._trust: dict[int, int] = {}  # by resolver index, where it is not 0

    def path(self, egress: int, resolver: int) -> Path:
        """The path of the pair, by their indexes."""
        if (egress, resolver) not in self._made:
            path = Path(egress, self._proxies[egress], resolver, self._resolvers[resolver],
                        self._buckets.bucket(egress, resolver), self._routes.of(resolver))  # fmt: skip
            path.state.trust = self._trust.get(resolver, 0)
            self._made[egress, resolver] = path
            self._to.setdefault(resolver, []).append(path)
            self._set_up(path)
        return self._made[egress, resolver]

    def known(self, egress: int, resolver: int) -> Path | None:
        """The path of the pair where it was used, else None."""
        return self._made.get((egress, resolver))

    def to(self, resolver: int) -> Sequence[Path]:
        """Those to this resolver that were used."""
        return self._to.get(resolver, ())

    def trust_of(self, resolver: int) -> int:
        """Whether it is asked and believed (native/path.pxd)."""
        return self._trust.get(resolver, 0)

    def __iter__(self) -> Iterator[Path]:
        return iter(list(self._made.values()))

    def trust(self, resolver: int, trust: int) -> None:
        """Have this resolver asked and believed, or not (native/path.pxd)."""
        self._trust[resolver] = trust
        for path in self.to(resolver):
            path.state.trust = trust

    def routes_changed(self, resolvers: Collection[int] | None = None) -> None:
        """The routes of these resolvers, or of any, have others now."""
        for path in self._made.values():
            if resolvers is None or path.resolver in resolvers:
                self._set_up(path)

    def _set_up(self, path: Path) -> None:
        path.state.replaceable = self._routes.may_lose(path.resolver)
        if self._routes.is_left_out(path.resolver):
            path.health.leave_out()
