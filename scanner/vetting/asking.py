"""One question until it is answered or given up, to one peer."""

import asyncio
from time import monotonic
from typing import Any

from scanner.vetting.pace import Pace
from scanner.vetting.peers import Peer
from scanner.vetting.pending import Reply

TRIES = 3
TRIES_SHARE = 0.5  # of the time, over which the tries of a datagram are spread
GAP_S = 0.005  # between two questions of one resolver, which nobody has to answer at once


async def ask(peer: Peer, query: bytes, pace: Pace, timeout_s: float, tries: int = TRIES) -> Reply | None:
    """The first answer to any of a few tries within the time; None without one. A stream that closes instead is opened
    again."""
    answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

    def heard(reply: Reply) -> None:
        if not answered.done():
            answered.set_result(reply)

    until = monotonic() + timeout_s
    try:
        for turn in range(tries):
            await pace.turn(GAP_S)
            if not await peer.ready():
                return None
            peer.send(query, heard)
            is_last = turn == tries - 1
            left_s = until - monotonic()
            wait_s = left_s if peer.is_stream or is_last else min(timeout_s * TRIES_SHARE / (tries - 1), left_s)
            either: set[asyncio.Future[Any]] = {answered, peer.ended}
            await asyncio.wait(either, timeout=max(wait_s, 0), return_when=asyncio.FIRST_COMPLETED)
            if answered.done():
                return answered.result()
            if monotonic() >= until:
                return None
        return None
    finally:
        answered.cancel()
