"""What is known of one resolver, by the quality of its answers: states, and their moves in a table. Connections that
cannot be opened are a path's own trouble, and pass in another way (`health`)."""

from dataclasses import dataclass
from enum import Enum, auto

from scanner.native.path import TRUSTS

TRUSTED, HELD, DISTRUSTED, VOUCHED = map(TRUSTS.index, ("trusted", "held", "distrusted", "vouched"))
PROBE_FIRST_S, PROBE_MAX_S, PROBE_DOUBLINGS = 5.0, 60.0, 4  # between two of one that waits; doubled with each
PROBATION_S = 5.0  # until it is probed once more
LOSSY_SHARE, KEPT_SHARE = 0.1, 0.05  # of its queries lost: more, and it is lossy; less, and it is not any more
SLOW_TIMES, SLOW_MS = 4.0, 50.0  # slow: its median round trip is so many times that of all, and so much longer


class State(Enum):
    UNPROVEN = auto()  # not all that it was asked has been answered
    GOOD = auto()
    SLOW = auto()  # good, and much slower than the others
    LOSSY = auto()  # good, and many of its queries are lost
    SILENT = auto()  # nothing came at all
    REFUSING = auto()  # it answers, and nothing but that it does not answer
    LYING = auto()  # it has lied: asked canaries only, and not believed
    QUARANTINED = auto()  # it did not finish what it was asked, or knows nothing: the same
    PROBATION = auto()  # it has passed again, and gets a small share


class Event(Enum):
    PASSED = auto()
    LIED = auto()
    FAILED = auto()  # it did not finish, or knows nothing
    SILENT = auto()  # nothing came
    REFUSED = auto()  # all of it
    OWED = auto()  # it did not finish, again and again, when its lines waited for that
    SLOWED = auto()  # these three by the names that it was asked for
    LOST = auto()
    KEPT_UP = auto()


GOOD = (State.GOOD, State.SLOW, State.LOSSY)
WAITING = (State.SILENT, State.REFUSING, State.LYING, State.QUARANTINED)
"""Probed at growing intervals."""

MOVES = {
    **{(state, Event.PASSED): State.GOOD for state in (State.UNPROVEN, State.SILENT, State.REFUSING, State.PROBATION)},
    **{(state, Event.PASSED): State.PROBATION for state in (State.LYING, State.QUARANTINED)},
    **{(state, Event.LIED): State.LYING for state in State if state is not State.LYING},
    **{(state, Event.FAILED): State.QUARANTINED
       for state in (State.UNPROVEN, State.SILENT, State.REFUSING, State.PROBATION)},
    **{(state, Event.OWED): State.QUARANTINED for state in State if state not in (State.LYING, State.QUARANTINED)},
    (State.UNPROVEN, Event.SILENT): State.SILENT,
    (State.REFUSING, Event.SILENT): State.SILENT,
    (State.PROBATION, Event.SILENT): State.QUARANTINED,
    (State.UNPROVEN, Event.REFUSED): State.REFUSING,
    (State.SILENT, Event.REFUSED): State.REFUSING,
    (State.PROBATION, Event.REFUSED): State.QUARANTINED,
    (State.GOOD, Event.SLOWED): State.SLOW,
    (State.GOOD, Event.LOST): State.LOSSY,
    (State.SLOW, Event.LOST): State.LOSSY,
    (State.SLOW, Event.KEPT_UP): State.GOOD,
    (State.LOSSY, Event.KEPT_UP): State.GOOD,
}  # fmt: skip
"""An event that is not here changes nothing: one that is good and does not answer is the engines' business,
unless its lines are kept until it does."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """What became of the names that a resolver was asked for."""

    responses: int
    losses: int
    p50_ms: float | None


class Standing:
    """The state of one resolver. Times in seconds, on any clock that runs on."""

    def __init__(self) -> None:
        self.state = State.UNPROVEN
        self.next_at = 0.0  # when it is to be asked again
        self.is_asked = False  # now
        self._probes = 0  # in a row, that it has not passed

    @property
    def is_good(self) -> bool:
        """True while it is asked and believed."""
        return self.state in GOOD

    @property
    def is_distrusted(self) -> bool:
        """True when what it says is not believed."""
        return self.state in (State.LYING, State.QUARANTINED)

    def happened(self, event: Event, now: float, every_s: float) -> bool:
        """Move; True when that was a move. `every_s` is between two rounds while it is good."""
        state = MOVES.get((self.state, event))
        self._probes = 0 if event is Event.PASSED else self._probes + (self.state in WAITING)
        moved = state is not None
        self.state = state or self.state
        self.next_at = now + self._pause_s(every_s)
        return moved

    def kept_up(self, traffic: Traffic, median_ms: float | None) -> None:
        """What its names show, beside the median round trip of all."""
        asked = traffic.responses + traffic.losses
        share = traffic.losses / asked if asked else 0.0
        slow = (traffic.p50_ms is not None and median_ms is not None
                and traffic.p50_ms > max(SLOW_TIMES * median_ms, median_ms + SLOW_MS))  # fmt: skip
        event = Event.LOST if share > LOSSY_SHARE else Event.SLOWED if slow else Event.KEPT_UP
        if event is not Event.KEPT_UP or share < KEPT_SHARE:
            self.state = MOVES.get((self.state, event), self.state)

    def _pause_s(self, every_s: float) -> float:
        if self.state in WAITING:
            return min(PROBE_FIRST_S * (1 << min(self._probes, PROBE_DOUBLINGS)), PROBE_MAX_S, every_s)
        return min(PROBATION_S, every_s) if self.state is State.PROBATION else every_s
