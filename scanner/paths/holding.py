"""A resolver that gets its canaries during a scan is held meanwhile: asked nothing, and what it has in flight comes in
before."""

import asyncio
from time import monotonic
from typing import Protocol

DRAIN_S, HOLD_S = 0.25, 1.0  # for what is in flight, and for a round: then it is asked again, whatever will come


class InFlight(Protocol):
    """The engines, as far as it is known what waits for a resolver's response."""

    def in_flight(self, resolver: int) -> int: ...


async def drained(engines: InFlight, resolver: int) -> None:
    """Until what it has in flight has come in, or a while has passed."""
    end = monotonic() + DRAIN_S
    await asyncio.sleep(0.01)  # what another thread was about to send
    while engines.in_flight(resolver) and monotonic() < end:
        await asyncio.sleep(0.005)
