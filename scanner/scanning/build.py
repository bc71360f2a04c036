"""What a scan is made of, each part made from the configuration: below this file functions take plain values."""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial

from scanner.config.asking import octets_of, rcode_of
from scanner.config.check import LINUX, askable_type
from scanner.config.config import Config
from scanner.config.options import RATE_PUBLIC
from scanner.datagrams.address import Address, address_of
from scanner.datagrams.sockets import port_opener
from scanner.input.line import SPECIAL_USE, classify_line
from scanner.model import CLASSES, FLAGS, REASONS, Resolver
from scanner.native.input.answered import Answered
from scanner.native.input.columns import Columns
from scanner.native.jobs.opinion import SecondOpinion
from scanner.native.jobs.pool import JobPool
from scanner.native.limits import Budget
from scanner.native.message.query import QueryForm
from scanner.native.output.buffer import LineBuffer
from scanner.native.udp.engine import UdpEngine
from scanner.paths.path import Buckets, Path, Paths
from scanner.rdata import type_text
from scanner.routes import Routes
from scanner.scanning.tags import tags_for
from scanner.streams.engine import StreamSettings
from scanner.streams.keeping import Keeping

WINDOW_MAX = 64  # of `auto`, on a short way
FAR_JOBS = 65_536  # for connections that need more on a long one
IN_FLIGHT_MAX = 1_000_000
SLOTS = 10_000  # queries in flight as datagrams
UNPROVEN_OCTETS = 128 << 20  # of lines that wait for their resolvers' canaries
LINE_OCTETS = {"compact": 256 << 10, "names": 256 << 10, "massdns": 512 << 10, "zdns": 512 << 10}  # of a line buffer:
# full, it is emptied at once and all connections are looked at, which long lines make happen often
RouteOf = Callable[[bytes], tuple[int, bool, str]]


def is_datagram(config: Config, resolver: int) -> bool:
    """True when this resolver is asked by datagrams."""
    return config.resolvers[resolver].scheme == "udp"


def datagram_resolvers(config: Config) -> list[int]:
    """Indexes of the resolvers that are asked by datagrams."""
    return [index for index in range(len(config.resolvers)) if is_datagram(config, index)]


def stream_resolvers(config: Config) -> list[int]:
    """Indexes of the resolvers that are asked over streams."""
    return [index for index in range(len(config.resolvers)) if not is_datagram(config, index)]


def registry_scheme(config: Config) -> str:
    """How registries' servers are asked: as the resolvers are, or the root's servers; "" = they are not."""
    asked = [config.resolvers[index] for index in config.routes[0].resolvers] or config.root_hints or config.resolvers
    if not config.at_registry:
        return ""
    return "udp" if asked and asked[0].scheme == "udp" else "tcp"


def lines_name_resolvers(config: Config) -> bool:
    """True where a line may say whom its name is asked of."""
    return "resolver" in config.columns


def asks_datagrams(config: Config) -> bool:
    """True where names are asked by datagrams, from the start or once their servers are found or named."""
    may_be_named = lines_name_resolvers(config) and not config.proxies and LINUX
    return bool(datagram_resolvers(config)) or registry_scheme(config) == "udp" or may_be_named


def asks_streams(config: Config) -> bool:
    """The same of streams; those that ask what a datagram cannot hold do not count."""
    return bool(stream_resolvers(config)) or registry_scheme(config) == "tcp" or lines_name_resolvers(config)


def ordinary_resolvers(config: Config, *, datagrams: bool) -> list[int]:
    """Indexes of the resolvers of an engine that names of the input go to: those that are trusted ones only do not."""
    ordinary = {index for route in config.routes if not route.trusted for index in route.resolvers}
    return [index for index in sorted(ordinary) if is_datagram(config, index) == datagrams]


def takes_input(config: Config, *, datagrams: bool) -> bool:
    """True for an engine that names of the input may be asked by."""
    return registry_scheme(config) == ("udp" if datagrams else "tcp") or bool(
        ordinary_resolvers(config, datagrams=datagrams)
    )


def pool_for(config: Config, room_made: Callable[[], object], answered: Answered | None, budget: Budget | None, *,
             index: int, engines: int, datagrams: bool, route_of: RouteOf | None = None) -> JobPool:  # fmt: skip
    """A pool of jobs for the engine with this index, sized and set up as this configuration asks for."""
    special = (
        not config.suffixes
        and not config.all_names
        and any(config.resolvers[index].is_public for index in config.routes[0].resolvers)
    )
    tagged = len(config.types) > 1 or "t" in config.fields
    columns = columns_for(config)
    pool = JobPool(
        LineBuffer(LINE_OCTETS[config.format]), config.types, room_made=room_made, format=config.format,
        classify_line=partial(classify_line, ptr=config.ptr, special=special),
        classify_otherwise=partial(classify_line, ptr=config.ptr, special=not special), route_of=route_of,
        type_tags=[b',"t":"%b"' % type_text(number).encode() for number in config.types] if tagged else (),
        fields=config.fields, only=config.only, deadline_s=config.deadline_ms / 1000,
        retries=config.retries, live_max=live_max(config, datagrams=datagrams), special=special, answered=answered,
        spill=None if config.no_second_pass else tempfile.TemporaryFile, budget=budget, index=index, engines=engines,
        exports_fallback=datagrams, exports_retries=not datagrams and not asks_streams(config),
        asking=query_form(config), suffixes=[(suffix.encode(), route) for suffix, route in config.suffixes],
        routes=[(route.authoritative, REASONS.index(route.nowhere)) for route in config.routes],
        opinion=opinion_for(config), failover=sum(1 << rcode_of(word) for word in config.failover),
        columns=columns, type_of=type_of_octets if columns and columns.with_type else None,
        compared="parents" if config.wildcards else "suffixes" if config.qclass == "IN" else "",
        finds_servers=config.at_registry,
        resolvers=len(config.resolvers), recheck_s=config.recheck_window, unproven_most=unproven_octets(config),
    )  # fmt: skip
    if config.at_registry:
        from scanner.registry.suffixes import icann_suffixes

        pool.find_servers_of(icann_suffixes())
    for route, queue in zip(config.routes, pool.queues, strict=True):
        here = sum(is_datagram(config, index) == datagrams for index in route.resolvers)
        queue.served_by(resolvers=here, elsewhere=here < len(route.resolvers), servers=route.resolvers)
        if not datagrams:
            queue.workers, queue.egresses = config.workers, max(len(config.proxies), 1)
    return pool


def opinion_for(config: Config) -> SecondOpinion | None:
    """Who is asked about what others say does not exist. Public ones do not hear of special-use names."""
    for number, route in enumerate(config.routes):
        if route.trusted:
            is_public = any(config.resolvers[index].is_public for index in route.resolvers)
            withheld = [suffix.encode() for suffix in SPECIAL_USE] if is_public and not config.all_names else ()
            return SecondOpinion(number, route.resolvers, [str(each) for each in config.resolvers], withheld)
    return None


def columns_for(config: Config) -> Columns | None:
    """How lines are cut; None where a line is a name."""
    return Columns(config.columns, config.separator) if config.columns else None


def type_of_octets(octets: bytes) -> int:
    """The number of a type that a line names, 0 for what cannot be asked for."""
    return askable_type(octets.decode("ascii", "replace")) or 0


def query_form(config: Config) -> QueryForm:
    """What all queries of the scan have in common."""
    return QueryForm(
        flags=sum(FLAGS[word] for word in config.flags), qclass=CLASSES[config.qclass], edns=not config.no_edns,
        dnssec="do" in config.flags, cookie="cookie" in config.edns, options=octets_of(config.edns),
    )  # fmt: skip


def live_max(config: Config, *, datagrams: bool) -> int:
    """Jobs of one engine that are started and not yet written."""
    if config.max_in_flight:
        return -(-config.max_in_flight // takers(config))
    if datagrams:
        return 2 * SLOTS // config.threads + 2 * config.workers * WINDOW_MAX + 64
    wanted = 2 * config.workers * (config.pipeline or WINDOW_MAX) + 64
    return min(wanted if config.pipeline else max(wanted, FAR_JOBS), IN_FLIGHT_MAX)


def takers(config: Config) -> int:
    """How many engines take names from the input."""
    return config.threads * takes_input(config, datagrams=True) + takes_input(config, datagrams=False)


def unproven_octets(config: Config) -> int:
    """Of lines that one engine keeps."""
    return UNPROVEN_OCTETS // max(takers(config), 1)


def buckets_for(config: Config, resolvers: Sequence[Resolver]) -> Buckets:
    """The rates that this configuration asks for."""
    return Buckets(resolvers, config.rate_per_resolver, RATE_PUBLIC, config.rate)


def paths_for(config: Config, resolvers: Sequence[Resolver], buckets: Buckets, routes: Routes) -> Paths:
    """The paths of one engine; none is made yet."""
    return Paths(config.proxies, resolvers, buckets, routes)


def stream_settings(config: Config, routes: Routes) -> StreamSettings:
    """The settings of the engine of streams."""
    return StreamSettings(workers=config.workers, proxies=max(len(config.proxies), 1),
                          resolvers=routes.in_turn(stream_resolvers(config)), window=config.pipeline,
                           timeout_s=config.timeout_ms / 1000, takes_input=asks_streams(config),
                           policy=config.stream_policy, keeping=keeping_for(config))  # fmt: skip


def keeping_for(config: Config) -> Keeping:
    """How long connections are kept."""
    return Keeping(config.expire_ms / 1000, config.max_age_ms / 1000, config.max_idle)


def udp_engine(config: Config, pool: JobPool, paths: Sequence[Path], routes: Routes) -> UdpEngine:
    """A UDP engine that asks the resolvers of `paths`."""
    opener = port_opener(config.bind, rcvbuf=config.rcvbuf, sndbuf=config.sndbuf, port_range=config.port_range)
    return UdpEngine(
        pool, [address_of(path, tags_for(path, config.format, config.fields), routes.ranks(path.resolver))
               for path in paths], open_port=opener,
        slots=-(-(config.max_in_flight or SLOTS) // config.threads), timeout_s=config.timeout_ms / 1000,
        policy=config.policy, gso=not config.no_gso, case=not config.no_0x20,
        early=not config.no_early_retries, grows=config.at_registry or lines_name_resolvers(config),
    )  # fmt: skip


def udp_path(config: Config, paths: Paths, routes: Routes, resolver: int) -> tuple[Path, Address]:
    """The path to one more resolver, and where its datagrams go."""
    path = paths.path(0, resolver)
    return path, address_of(path, tags_for(path, config.format, config.fields), routes.ranks(resolver))
