"""Whether a path works: states, and their moves in a table. While it fails, one worker tries it and the others wait."""

import asyncio
import contextlib
import random
from collections import deque
from enum import Enum, auto

PAUSE_FIRST_S = 1.0  # of a path that has worked; its proxy or resolver may have been restarted
PAUSE_CLOSED_S = 0.1  # of one whose first connection closed: perhaps on EDNS, and the next one asks without
PAUSE_NEXT_S = 5.0  # of others; doubled with each further failure
PAUSE_MAX_S = 60.0
VACANCY_S = 30.0  # after which a server that takes no more connections is tried again all the same


class State(Enum):
    OPEN = auto()  # every worker may open connections
    FAILING = auto()  # it failed, and no worker is about to try it again
    ON_TRIAL = auto()  # one worker pauses before, or makes, the next try
    LEFT_OUT = auto()  # its resolver refuses everything: it is not used any more


class Event(Enum):
    FAILED = auto()  # a connection could not be opened, or ended before any response
    TRIED = auto()  # a worker takes the next try on itself
    ENDED = auto()  # the try ended, and was neither proof nor failure
    PROVED = auto()  # a response came
    REFUSED = auto()  # the resolver refuses everything


MOVES = {
    (State.OPEN, Event.FAILED): State.FAILING,
    (State.FAILING, Event.TRIED): State.ON_TRIAL,
    (State.ON_TRIAL, Event.FAILED): State.FAILING,
    (State.ON_TRIAL, Event.ENDED): State.FAILING,
    (State.FAILING, Event.PROVED): State.OPEN,
    (State.ON_TRIAL, Event.PROVED): State.OPEN,
    **{(state, Event.REFUSED): State.LEFT_OUT for state in State},
}
"""An event that is not here changes nothing."""


class PathHealth:
    """The state of one path, and the pauses of the workers that share it."""

    def __init__(self) -> None:
        self.state = State.OPEN
        self.pausing = 0  # workers that wait for it to work again
        self.egress_pauses = self.resolver_pauses = 0  # by whose doing; of both when that cannot be known
        self._has_worked = False
        self._failures = 0  # in a row
        self.try_at = 0.0  # s, monotonic: when a failing path is to be tried again
        self._closes = 0  # of connections that had answered nothing
        self.is_tried_soon = False  # after its first failure, a close
        self._turned_away: deque[asyncio.Future[None]] = deque()  # workers that wait for a vacancy
        self._usable = asyncio.Event()  # open, or left out: no worker has to wait any more
        self._usable.set()

    @property
    def is_left_out(self) -> bool:
        """True when it is not used any more."""
        return self.state is State.LEFT_OUT

    @property
    def is_failing(self) -> bool:
        """True while it is not known to work again."""
        return self.state in (State.FAILING, State.ON_TRIAL)

    @property
    def is_free(self) -> bool:
        """True while no worker is about to try it."""
        return self.state is not State.ON_TRIAL

    def _happened(self, event: Event) -> bool:
        """Move; True when that was a move."""
        state = MOVES.get((self.state, event))
        if state is None:
            return False
        self.state = state
        if state is State.FAILING:
            self._plan_try()
        if state in (State.OPEN, State.LEFT_OUT):
            self._usable.set()
        else:
            self._usable.clear()
        return True

    async def admitted(self) -> bool:
        """Wait until this worker may open a connection; True when it is the one that tries a failing path."""
        while not self._usable.is_set():
            self.pausing += 1
            try:
                if self._happened(Event.TRIED):
                    await self._pause()
                    return True
                await self._usable.wait()
            finally:
                self.pausing -= 1
        return False

    def _plan_try(self) -> None:
        self.try_at = asyncio.get_running_loop().time() + self.pause_s()

    async def _pause(self) -> None:
        """Before the next try, which the caller makes."""
        try:
            await asyncio.sleep(max(self.try_at - asyncio.get_running_loop().time(), 0))
        except BaseException:
            self._happened(Event.ENDED)
            raise

    def pause_s(self) -> float:
        """Growing, jittered."""
        if self.is_tried_soon:
            return PAUSE_CLOSED_S * random.uniform(1, 1.25)
        further = self._failures - 1 - self._has_worked
        base = PAUSE_FIRST_S if further < 0 else min(PAUSE_NEXT_S * 2 ** min(further, 8), PAUSE_MAX_S)
        return base * random.uniform(1, 1.25)

    async def vacancy(self) -> None:
        """The server seems to take no more connections: wait until another one ends, or a good while."""
        turned_away: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._turned_away.append(turned_away)
        try:
            await asyncio.wait([turned_away], timeout=VACANCY_S)
        finally:
            turned_away.cancel()
            with contextlib.suppress(ValueError):
                self._turned_away.remove(turned_away)

    def vacated(self) -> None:
        """A connection ended that had been answered: there is room for another."""
        while self._turned_away:
            turned_away = self._turned_away.popleft()
            if not turned_away.done():
                turned_away.set_result(None)
                return

    def failed(self, on_trial: bool, reason: str = "") -> None:
        """A connection could not be opened for this `reason` (of model.REASONS), or ended before any response (""). Of
        workers that were not trying, the first failure counts."""
        if (on_trial or self.state is State.OPEN) and self._happened(Event.FAILED):
            self._closes += not reason
            self.is_tried_soon = not reason and self._closes == 1 and not self._has_worked
            self._failures += not self.is_tried_soon
            self._plan_try()
            self.egress_pauses += reason in ("proxy", "")
            self.resolver_pauses += reason != "proxy"

    def ended(self, on_trial: bool) -> None:
        """A connection ended that was neither proof nor failure; the one that tried is free to try again."""
        if on_trial:
            self._happened(Event.ENDED)

    def proved(self) -> None:
        """A response came: every worker may use it."""
        self._has_worked = True
        self._failures = 0
        self._happened(Event.PROVED)

    def leave_out(self) -> None:
        """It is not used any more."""
        self._happened(Event.REFUSED)
        while self._turned_away:
            self.vacated()
