"""This machine does something else while responses wait: the path did not take that long."""

import time

import pytest
from udp_turns import turns

AWAY_S = 0.25  # on the engine's clock


@pytest.mark.parametrize(("waits_s", "least_s", "most_s"), [(0.2, 0, 0.05), (0, 0.1, AWAY_S)])
def test_a_round_trip_ends_when_the_response_comes_and_not_when_it_is_read(waits_s, least_s, most_s):
    with turns(1) as each:
        each.turn()
        each.answer(each.asked())
        time.sleep(waits_s)

        assert each.turn(AWAY_S) == 1
        ((_, _, _, rtt_s, *_),) = each.engine.figures()

    assert least_s <= rtt_s <= most_s
