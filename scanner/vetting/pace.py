"""How soon one address may be asked again: its queries leave one after another, and no faster than a rate allows."""

import asyncio
from time import monotonic

SAVED_S = 0.004  # of the rate that a late timer may make up for


class Pace:
    """Of one address, for all that ask it."""

    def __init__(self, rate: int) -> None:
        self._gap_s = 1 / rate
        self._next_s = 0.0
        self._turn = asyncio.Lock()
        self.alone = asyncio.Lock()  # held while its rate and its loss are measured

    async def turn(self, gap_s: float = 0.0) -> None:
        """Wait until the next query may leave; the one behind it does so `gap_s` later at the soonest."""
        async with self._turn:
            now = monotonic()
            if self._next_s > now:
                await asyncio.sleep(self._next_s - now)
            self._next_s = max(self._next_s, monotonic() - SAVED_S) + max(gap_s, self._gap_s)
