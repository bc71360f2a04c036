"""Loss and round trips at an easy pace, then a rate: a short burst at the polite one, and how fast its answers came."""

import asyncio
from time import monotonic
from typing import NamedTuple

from scanner.vetting.asking import ask
from scanner.vetting.pace import Pace
from scanner.vetting.peers import Peer
from scanner.vetting.pending import Reply

PROBES, PROBE_GAP_S = 50, 0.02
LOST_ENOUGH = 5  # over a stream, each of which took its whole time
BURST = 40
BLOCK, BLOCK_S = 4, 0.004  # of which so many leave together, where the rate allows it within this time
BURST_ANSWERS_MIN = 5  # fewer show no rate
CHECK_S = 0.02


class Loss(NamedTuple):
    """Of queries that were sent once each."""

    asked: int
    replies: list[Reply]

    @property
    def share(self) -> float:
        return 1 - len(self.replies) / self.asked


async def loss(peer: Peer, query: bytes, pace: Pace, timeout_s: float, room: asyncio.Semaphore) -> Loss:
    """What becomes of queries that are sent once each. `room`: for how many resolvers they may be sent at one time."""
    if peer.is_stream:
        async with room:
            return await of_stream(peer, query, pace, timeout_s)
    replies: list[Reply] = []
    async with room:
        for _ in range(PROBES):
            await pace.turn(PROBE_GAP_S)
            peer.send(query, replies.append)
    await until_answered(replies, PROBES, peer, timeout_s)
    return Loss(PROBES, replies)


async def of_stream(peer: Peer, query: bytes, pace: Pace, timeout_s: float) -> Loss:
    """One after another, for some close behind each answer; what a close has met is asked again, as a scan does."""
    replies: list[Reply] = []
    asked = 0
    while asked < PROBES and asked - len(replies) < LOST_ENOUGH:
        await asyncio.sleep(PROBE_GAP_S)
        asked += 1
        reply = await ask(peer, query, pace, timeout_s)
        if reply is not None:
            replies.append(reply)
    return Loss(asked, replies)


async def rate(peer: Peer, query: bytes, pace: Pace, limit: int, timeout_s: float,
               room: asyncio.Semaphore) -> int | None:  # fmt: skip
    """Answers a second to a burst, at most `limit`; None where too few came to tell. `room`: how many bursts may leave
    at one time, so that our own slowness is not taken for the resolver's."""
    replies: list[Reply] = []
    block = BLOCK if limit >= BLOCK / BLOCK_S else 1
    async with room:
        if not await peer.ready():
            return None
        begun = monotonic()
        for _ in range(BURST // block):
            await pace.turn(block / limit)
            for _ in range(block):
                peer.send(query, replies.append)
        took_s = monotonic() - begun
    await until_answered(replies, BURST, peer, timeout_s)
    if len(replies) < BURST_ANSWERS_MIN:
        return None
    came = [reply.came_s for reply in replies]
    span_s = max(max(came) - min(came), took_s * (len(came) - 1) / BURST)
    return max(1, min(limit, round((len(came) - 1) / span_s)))


async def until_answered(replies: list[Reply], count: int, peer: Peer, timeout_s: float) -> None:
    """Wait for so many, as long as one may take, or until the stream has ended."""
    until = monotonic() + timeout_s
    while len(replies) < count and monotonic() < until and not (peer.is_stream and peer.ended.done()):
        await asyncio.sleep(min(CHECK_S, timeout_s))
