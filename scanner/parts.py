"""What a scan is made of, each part made from the configuration: below this file functions take plain values."""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial

import orjson

from scanner.config.config import Config
from scanner.config.options import RATE_PUBLIC
from scanner.input.line import classify_line as judge
from scanner.native.answered import Answered
from scanner.native.line import Lines
from scanner.native.names import Names
from scanner.native.udp import Engine
from scanner.rdata import describer, type_text
from scanner.transports.datagram import port_opener
from scanner.workers.datagrams import target_for
from scanner.workers.way import Way

WINDOW_MAX = 64  # of `auto`
IN_FLIGHT_MAX = 1_000_000
SLOTS = 10_000  # queries in flight as datagrams


def names_for(
    config: Config, room_made: Callable[[], object], answered: Answered | None, *, lends: bool = False
) -> Names:
    """A pool of names, sized and told what this configuration asks for."""
    special = not config.all_names and any(resolver.is_public for resolver in config.resolvers)
    tagged = len(config.types) > 1 or "t" in config.fields
    slots = 2 * SLOTS // config.threads if config.resolvers[0].scheme == "udp" else 0
    live_max = (
        -(-config.max_in_flight // config.threads)
        or min(2 * config.workers * (config.pipeline or WINDOW_MAX) + 64, IN_FLIGHT_MAX) + slots
    )
    return Names(
        Lines(), config.types, judge=partial(judge, ptr=config.ptr, special=special), room_made=room_made,
        type_tags=[b',"t":"%b"' % type_text(number).encode() for number in config.types] if tagged else (),
        describe=describer(config.fields), fields=config.fields, deadline_s=config.deadline_ms / 1000,
        retries=config.retries, live_max=live_max, special=special, lends=lends,
        answered=answered, spill=None if config.no_second_pass else tempfile.TemporaryFile,
        query_max=config.max_queries,
    )  # fmt: skip


def ways_for(config: Config) -> dict[tuple[int, int], Way]:
    """Every pair of exit and resolver, by their indexes."""
    return {
        (e, r): Way(e, proxy, r, resolver, (RATE_PUBLIC if resolver.is_public else 0) if config.rate is None
                    else config.rate)
        for e, proxy in enumerate(config.proxies or (None,))
        for r, resolver in enumerate(config.resolvers)
    }  # fmt: skip


def tags_for(way: Way, fields: Sequence[str]) -> bytes:
    """The JSON of fields ns and p, the same for every line of one worker."""
    tags = b""
    if "ns" in fields:
        tags += b',"ns":' + orjson.dumps(str(way.resolver))
    if "p" in fields:
        tags += b',"p":' + (b"null" if way.proxy is None else b"%d" % way.exit_index)
    return tags


def engine_for(config: Config, names: Names, ways: Sequence[Way]) -> Engine:
    """A UDP engine that asks the resolvers of `ways`."""
    opener = port_opener(config.bind, rcvbuf=config.rcvbuf, sndbuf=config.sndbuf, port_range=config.port_range)
    return Engine(
        names, [target_for(way, tags_for(way, config.fields)) for way in ways], open_port=opener,
        slots=-(-(config.max_in_flight or SLOTS) // config.threads), timeout_s=config.timeout_ms / 1000,
        policy=config.policy, gso=not config.no_gso, case=not config.no_0x20,
    )  # fmt: skip
