"""A name whose server closes the connection on it costs good names nothing: before a close may end a name, that name
goes alone on a connection."""

import struct

import pytest
from command import scan
from dns_peer import DnsPeer, Talk
from socks_peer import SocksPeer

GOOD = [f"{kind}{number}.example" for kind in ("is", "nx") for number in range(40)]
CLOSERS = [f"closes{number}.example" for number in range(4)]
NAMES = [name for at in range(len(GOOD)) for name in (GOOD[at], *CLOSERS[at // 20 : at // 20 + (at % 20 == 7)])]
ARGS = ("--timeout-ms", 2000, "--deadline-ms", 20_000)


def closes_first(talk: Talk) -> None:
    """A busy server: of what has come it looks first for what it does not like, and then answers only slowly."""
    talk.connection.settimeout(0.02)
    waiting = []
    while True:
        try:
            waiting.append(talk.query())
        except TimeoutError:
            if any(query.name.startswith("closes") for query in waiting):
                return
            for query in waiting:
                talk.answer(query)
            waiting.clear()


def closes_last(talk: Talk) -> None:
    """It answers one, and closes when it comes to a name that it does not like."""
    for query in talk.queries():
        if query.name.startswith("closes"):
            return
        talk.answer(query)


def resets(talk: Talk) -> None:
    for query in talk.queries():
        if query.name.startswith("closes"):
            talk.connection.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER 0: close sends RST
            return
        talk.answer(query)


def assert_right(done) -> None:
    assert done.code == 0, done.err
    assert sorted(row["d"] for row in done.rows) == sorted(NAMES)
    wanted = {"is": ("taken", None), "nx": ("nxdomain", None), "cl": ("error", "connection")}
    assert [row for row in done.rows if (row["s"], row.get("e")) != wanted[row["d"][:2]]] == []


@pytest.mark.parametrize("script", [closes_first, closes_last, resets], ids=lambda each: each.__name__)
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("pipeline", ["auto", 2, 8])
def test_good_names_beside_names_that_close_are_answered(script, workers, pipeline):
    with DnsPeer(script) as peer:
        done = scan("-r", peer.address, *ARGS, "--workers", workers, "--pipeline", pipeline, "--retries", 1,
                    names="\n".join(NAMES), limit_s=60)  # fmt: skip

    assert_right(done)


def test_through_proxies_too():
    with DnsPeer(closes_first) as peer, SocksPeer() as one, SocksPeer() as other:
        done = scan("-r", peer.address, "--proxy", one.url, "--proxy", other.url, *ARGS, "--workers", 4,
                    "--pipeline", 8, "--retries", 0, "--no-second-pass", names="\n".join(NAMES))  # fmt: skip

    assert_right(done)
