"""One way: an exit (a proxy, or none) and a resolver. It remembers whether it works, and paces the trying of it."""

import asyncio
import random

from scanner.model import Proxy, Resolver
from scanner.native.peer import Peer
from scanner.native.session import Session

BURST_S = 0.02  # of its rate that may be saved up
BURST_DATAGRAMS_S = 0.004  # a server's buffer holds a few hundred
PAUSE_FIRST_S = 1.0  # of one that has worked; it may have been restarted
PAUSE_NEXT_S = 5.0  # of others; doubled with each further failure
PAUSE_MAX_S = 60.0


class Way:
    """The health of one exit and resolver pair. While it fails, one of its workers tries it, the others wait."""

    def __init__(self, exit_index: int, proxy: Proxy | None, resolver_index: int, resolver: Resolver, rate: float):
        self.exit_index, self.proxy = exit_index, proxy
        self.resolver_index, self.resolver = resolver_index, resolver
        self.peer = Peer(rate, BURST_DATAGRAMS_S if resolver.scheme == "udp" else BURST_S)
        self.left_out = False  # refuses everything: not used any more
        self.sessions: list[Session] = []  # of the workers that have it for life
        self.pausing = 0  # workers that wait for it to work again
        self.exit_pauses = self.resolver_pauses = 0  # by whose doing; of both when that cannot be told
        self._has_worked = False
        self._failures = 0  # in a row
        self._probing = False  # one worker is pausing before, or making, the next try
        self._works = asyncio.Event()
        self._works.set()

    async def admitted(self) -> bool:
        """Wait until this worker may open a connection; True when it is the one that tries a failing way."""
        while self._failures:
            self.pausing += 1
            try:
                if not self._probing:
                    await self._pause()
                    return True
                await self._works.wait()
            finally:
                self.pausing -= 1
        return False

    async def _pause(self) -> None:
        """Before the next try, which the caller makes."""
        self._probing = True
        try:
            await asyncio.sleep(self.pause_s())
        except BaseException:
            self._probing = False
            raise

    def pause_s(self) -> float:
        """Growing, jittered."""
        further = self._failures - 1 - self._has_worked
        base = PAUSE_FIRST_S if further < 0 else min(PAUSE_NEXT_S * 2 ** min(further, 8), PAUSE_MAX_S)
        return base * random.uniform(1, 1.25)

    def failed(self, probing: bool, reason: str = "") -> None:
        """A connection could not be opened for this `reason` (of model.REASONS), or ended before any answer ("")."""
        if probing:
            self._probing = False
        if probing or self._failures == 0:
            self._failures += 1
            self.exit_pauses += reason in ("proxy", "")
            self.resolver_pauses += reason != "proxy"
            self._works.clear()

    def ended(self, probing: bool) -> None:
        """A connection ended that was neither proof nor failure; the one that tried is free to try again."""
        if probing:
            self._probing = False

    def proved(self) -> None:
        """An answer came: everybody may use it."""
        self._has_worked = True
        if self._failures:
            self._failures = 0
            self._probing = False
            self._works.set()
