"""Micro-benches: what the native core takes for each step, and dnspython beside it. They send nothing.

Each round does BATCH names: the rows are the time of 64 names. `scripts/bench` runs them.
"""

import json
import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from scanner.native.jobs.pool import JobPool
from scanner.native.message.query import encode
from scanner.native.message.response import inspect
from scanner.native.output.buffer import LineBuffer
from scanner.native.path import PathState
from scanner.native.session import Session

BATCH = 64
NS = 2
NAMES = [b"shop%08d.com" % index for index in range(BATCH)]
TEXTS = [name.decode() for name in NAMES]
CHUNK = b"".join(name + b"\n" for name in NAMES)


def response(query: bytes, rcode: int) -> bytes:
    """What a server says: two NS records or, with NXDOMAIN, an SOA."""
    message = dns.message.make_response(dns.message.from_wire(query), recursion_available=True)
    message.set_rcode(rcode)
    owner = message.question[0].name
    if rcode == dns.rcode.NOERROR:
        message.answer.append(dns.rrset.from_text(owner, 300, "IN", "NS", f"a.{owner}", f"b.{owner}"))
    else:
        soa = "a.gtld-servers.net. nstld.verisign-grs.com. 1 1800 900 604800 86400"
        message.authority.append(dns.rrset.from_text("com.", 900, "IN", "SOA", soa))
    return message.to_wire()


def framed(message: bytes) -> bytes:
    return struct.pack("!H", len(message)) + message


def frames(octets: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(octets):
        (length,) = struct.unpack_from("!H", octets, at)
        found.append(octets[at + 2 : at + 2 + length])
        at += 2 + length
    return found


def queries_of_dnspython() -> list[dns.message.QueryMessage]:
    return [dns.message.make_query(name, "NS", use_edns=0, payload=1232, id=index) for index, name in enumerate(TEXTS)]


RESPONSES = [
    response(query.to_wire(), dns.rcode.NOERROR if index % 2 else dns.rcode.NXDOMAIN)
    for index, query in enumerate(queries_of_dnspython())
]  # for NAMES, in order


def never(line: bytes) -> None:
    raise AssertionError(f"a plain name was not taken as one: {line!r}")


def session() -> tuple[LineBuffer, JobPool, Session]:
    lines = LineBuffer()
    pool = JobPool(lines, [NS], classify_line=never, room_made=lambda: None)
    return lines, pool, Session(pool, PathState(), window=BATCH)


@pytest.mark.benchmark(group="encode")
def test_encode_dnspython(benchmark):
    octets = benchmark(lambda: [framed(query.to_wire()) for query in queries_of_dnspython()])

    assert len(octets) == BATCH


@pytest.mark.benchmark(group="encode")
def test_encode_native(benchmark):
    octets = benchmark(lambda: [encode(name, NS, 1) for name in NAMES])

    assert len(octets) == BATCH


@pytest.mark.benchmark(group="encode")
def test_encode_native_session_fill(benchmark):
    """Names cut from a chunk of input, each with an unpredictable ID, a slot and a deadline."""
    octets = []

    def fresh():
        _, pool, asking = session()
        pool.feed(CHUNK)
        return (asking,), {}

    benchmark.pedantic(lambda asking: octets.append(asking.fill(0.0)), setup=fresh, rounds=2000)

    assert len(frames(octets[0])) == BATCH


@pytest.mark.benchmark(group="classify")
def test_classify_dnspython(benchmark):
    rcodes = benchmark(lambda: [dns.message.from_wire(message).rcode() for message in RESPONSES])

    assert rcodes == [dns.rcode.NXDOMAIN, dns.rcode.NOERROR] * (BATCH // 2)


@pytest.mark.benchmark(group="classify")
def test_classify_native(benchmark):
    pairs = list(zip(RESPONSES, NAMES, strict=True))

    found = benchmark(lambda: [inspect(message, name, NS) for message, name in pairs])

    assert [rcode for rcode, _, _ in found] == [dns.rcode.NXDOMAIN, dns.rcode.NOERROR] * (BATCH // 2)


@pytest.mark.benchmark(group="match, classify, format")
def test_match_classify_format_dnspython_and_json(benchmark):
    queries = queries_of_dnspython()
    responses = [response(query.to_wire(), dns.rcode.NOERROR) for query in queries]
    by_id = {query.id: (query, name) for query, name in zip(queries, TEXTS, strict=True)}

    def finish():
        lines = []
        for message in responses:
            read = dns.message.from_wire(message)
            query, name = by_id[read.id]
            assert query.is_response(read)
            row = {"d": name, "s": "taken", "r": int(read.rcode()), "ms": 1, "re": True}
            lines.append(json.dumps(row, separators=(",", ":")))
        return "\n".join(lines)

    assert benchmark(finish).count("taken") == BATCH


@pytest.mark.benchmark(group="match, classify, format")
def test_match_classify_format_native_session_receive(benchmark):
    taken = []

    def answered():
        lines, pool, asking = session()
        pool.feed(CHUNK)
        queries = frames(asking.fill(0.0))
        octets = b"".join(framed(query[:2] + message[2:]) for query, message in zip(queries, RESPONSES, strict=True))
        return (lines, asking, octets), {}

    def finish(lines, asking, octets):
        asking.receive(octets, 0.001)
        taken.append(lines.take())

    benchmark.pedantic(finish, setup=answered, rounds=2000)

    assert taken[0].count(b'"taken"') == taken[0].count(b'"nxdomain"') == BATCH // 2
