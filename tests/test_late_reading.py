"""This machine does something else while responses wait: the path did not take that long."""

import time

import pytest
from udp_turns import turns

AWAY_S = 0.25  # on the engine's clock


@pytest.mark.parametrize(("waits_s", "least_s", "most_s"), [(0.2, 0, 0.1), (0, 0.1, AWAY_S)])
def test_a_round_trip_ends_when_the_response_comes_and_not_when_it_is_read(waits_s, least_s, most_s):
    with turns(1) as each:
        each.turn()
        time.sleep(0.05)  # the kernel begins to stamp what comes some milliseconds after it was asked to
        each.answer(each.asked())
        time.sleep(waits_s)

        assert each.turn(AWAY_S) == 1
        ((_, _, _, rtt_s, *_),) = each.engine.figures()

    assert least_s <= rtt_s <= most_s


def test_a_response_that_came_after_the_turn_began_took_until_it_came():
    """Another thread may run between the question what time it is and the turn."""
    with turns(1) as each:
        sent = time.monotonic()
        each.engine.tick(sent)
        each.engine.turn(sent, 0)
        asked = each.asked()
        began = time.monotonic()
        time.sleep(0.2)
        each.answer(asked)

        assert each.engine.turn(began, 0) == 1
        ((_, _, _, rtt_s, *_),) = each.engine.figures()

    assert 0.2 <= rtt_s <= time.monotonic() - sent
