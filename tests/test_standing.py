"""What is known of a resolver: the table of moves, and what the user is shown of it."""

import json

import pytest
from command import fed, scan, start
from dns_peer import REFUSED, SERVFAIL
from udp_peer import UdpPeer

from scanner.paths.standing import MOVES, WAITING, Event, Standing, State, Traffic

EVERY_S = 60.0


def in_state(state: State) -> Standing:
    standing = Standing()
    standing.state = state
    return standing


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("state", State)
def test_each_event_in_each_state_moves_as_the_table_says(state, event):
    standing = in_state(state)

    moved = standing.happened(event, 0, EVERY_S)

    assert moved == ((state, event) in MOVES)
    assert standing.state is MOVES.get((state, event), state)


def test_a_lie_convicts_in_every_state_and_only_probation_leads_back():
    assert {MOVES[state, Event.LIED] for state in State if state is not State.LYING} == {State.LYING}
    assert {event: to for (state, event), to in MOVES.items() if state is State.LYING} == {
        Event.PASSED: State.PROBATION
    }


def test_one_that_refuses_everything_is_not_good_and_one_that_was_silent_has_to_pass():
    for event, state in ((Event.REFUSED, State.REFUSING), (Event.SILENT, State.SILENT)):
        standing = Standing()
        standing.happened(event, 0, EVERY_S)
        assert (standing.state, standing.is_good) == (state, False)
        standing.happened(Event.PASSED, 0, EVERY_S)
        assert standing.is_good


@pytest.mark.parametrize("state", WAITING)
def test_probes_of_what_is_not_asked_come_at_growing_intervals(state):
    standing, pauses = in_state(state), []
    for _ in range(6):
        standing.happened(Event.LIED if state is State.LYING else Event.KEPT_UP, 0, EVERY_S)
        pauses.append(standing.next_at)

    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1] < pauses[-1] == EVERY_S


@pytest.mark.parametrize(
    ("state", "traffic", "expected"),
    [
        (State.GOOD, Traffic(95, 5, 20), State.GOOD),
        (State.GOOD, Traffic(80, 20, 20), State.LOSSY),
        (State.GOOD, Traffic(100, 0, 200), State.SLOW),
        (State.GOOD, Traffic(100, 0, 60), State.GOOD),  # three times as slow, but near
        (State.SLOW, Traffic(80, 20, 200), State.LOSSY),
        (State.LOSSY, Traffic(93, 7, 20), State.LOSSY),  # not yet
        (State.LOSSY, Traffic(100, 0, 20), State.GOOD),
        (State.SLOW, Traffic(100, 0, 20), State.GOOD),
        (State.LYING, Traffic(0, 100, None), State.LYING),
        (State.PROBATION, Traffic(80, 20, 20), State.PROBATION),
    ],
)
def test_the_names_that_it_is_asked_for_show_whether_it_is_slow_or_lossy(state, traffic, expected):
    standing = in_state(state)

    standing.kept_up(traffic, 20.0)

    assert standing.state is expected


def invent(datagram):
    datagram.answer(0)


def test_one_that_is_silent_before_the_scan_is_not_asked_for_names_until_it_has_passed():
    """It lies to the first name that it is asked for: it must not get that far."""
    silent = []

    def script(datagram):
        if datagram.query.name.endswith(".example"):
            datagram.answer(0)
        silent.append(datagram.query.name)

    with (
        UdpPeer(script, with_probes=True) as late,
        UdpPeer() as good,
        start("-r", late.address, "-r", good.address, "--timeout-ms", 400, "--stats", "json") as run,
    ):
        rows = fed(run, [f"nx{turn}.example\n" * 20 for turn in range(20)], 0.1)

    assert {row["s"] for row in rows} == {"nxdomain"}
    assert not [name for name in silent if name.endswith(".example")]


def test_the_summary_shows_the_state_of_each_resolver():
    def refuse(datagram):
        datagram.answer(REFUSED)

    def fail(datagram):
        datagram.answer(SERVFAIL)

    peers = [UdpPeer(script, with_probes=True) for script in (invent, refuse, fail)]
    with peers[0] as liar, peers[1] as closed, peers[2] as broken, UdpPeer() as good:
        places = [each.address for each in (liar, closed, broken, good)]
        done = scan(*[word for place in places for word in ("-r", place)], "--stats", "json",
                    names="".join(f"is{number}.example\n" for number in range(300)))  # fmt: skip

    stats = json.loads([line for line in done.err.splitlines() if line.startswith("{")][-1])
    states = {row["resolver"]: row["state"] for row in stats["resolvers"]}
    assert [states[place] for place in places] == ["lying", "refusing", "refusing", "good"]
