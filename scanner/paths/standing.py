"""What a resolver's canaries have shown of it: states, and their moves in a table."""

from enum import Enum, auto

from scanner.native.path import TRUSTS

TRUSTED, HELD, DISTRUSTED, VOUCHED = map(TRUSTS.index, ("trusted", "held", "distrusted", "vouched"))
PROBE_FIRST_S, PROBE_MAX_S, PROBE_DOUBLINGS = (
    5.0,
    60.0,
    4,
)  # between probes of one that is quarantined; doubled with each
PROBATION_S = 5.0  # until it is probed once more


class State(Enum):
    UNPROVEN = auto()  # not all that it was asked has been answered
    GOOD = auto()
    QUARANTINED = auto()  # it has lied, or did not finish: asked canaries only
    PROBATION = auto()  # it has passed again, and gets a small share


class Event(Enum):
    PASSED = auto()
    LIED = auto()
    FAILED = auto()  # it did not finish, or knows nothing


MOVES = {
    (State.UNPROVEN, Event.PASSED): State.GOOD,
    (State.UNPROVEN, Event.LIED): State.QUARANTINED,
    (State.UNPROVEN, Event.FAILED): State.QUARANTINED,
    (State.GOOD, Event.LIED): State.QUARANTINED,
    (State.QUARANTINED, Event.PASSED): State.PROBATION,
    (State.PROBATION, Event.PASSED): State.GOOD,
    (State.PROBATION, Event.LIED): State.QUARANTINED,
    (State.PROBATION, Event.FAILED): State.QUARANTINED,
}
"""An event that is not here changes nothing: one that is good and does not answer is the engines' business."""


class Standing:
    """The state of one resolver. Times in seconds, on any clock that runs on."""

    def __init__(self) -> None:
        self.state = State.UNPROVEN
        self.next_at = 0.0  # when it is to be asked again
        self.is_asked = False  # now
        self._probes = 0  # in a row, that it has not passed

    def happened(self, event: Event, now: float, every_s: float) -> bool:
        """Move; True when that was a move. `every_s` is between two rounds while it is good."""
        state = MOVES.get((self.state, event))
        self._probes = 0 if event is Event.PASSED else self._probes + (self.state is State.QUARANTINED)
        moved = state is not None
        self.state = state or self.state
        self.next_at = now + self._pause_s(every_s)
        return moved

    def _pause_s(self, every_s: float) -> float:
        if self.state is State.QUARANTINED:
            return min(PROBE_FIRST_S * (1 << min(self._probes, PROBE_DOUBLINGS)), PROBE_MAX_S, every_s)
        return min(PROBATION_S, every_s) if self.state is State.PROBATION else every_s
