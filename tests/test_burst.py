"""What was lost together is not asked again together."""

import itertools
import threading
from time import monotonic

from udp_turns import turns

TURNS = 200  # at least
FAST_WITHIN_S = 30  # a busy machine makes the path slow
BAD_TURN = 100  # one query of ten is answered in it
FIRST = 16  # queries that are sent before anything is known


def test_no_turn_sends_more_than_twice_what_the_path_has_carried():
    carried, came = FIRST, 0  # responses in one turn, the most so far; and queries
    with turns(1_000_000) as scan:
        end = monotonic() + FAST_WITHIN_S
        for turn in itertools.count():
            late = scan.sent - came  # a busy kernel brings them with the next turn's
            carried = max(carried, scan.turn())
            asked = scan.asked()
            came += len(asked)
            # some more: what was left of one that could not be sent as a whole, and what a busy machine read late
            assert len(asked) <= 2 * carried + 4 + late, turn
            scan.answer(asked[:: 10 if turn == BAD_TURN else 1])
            if turn >= TURNS and (carried > 8 * FIRST or monotonic() > end):
                break

    assert carried > 8 * FIRST  # and yet it is fast where answers come


def test_a_turn_that_stays_goes_on_while_responses_come():
    over = threading.Event()
    with turns(20_000) as scan:

        def serve() -> None:
            while not over.is_set():
                scan.answer(scan.asked())

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            begun, taken, window = monotonic(), 0, FIRST
            while taken <= 2 * window and monotonic() - begun < FAST_WITHIN_S:  # on a busy machine nothing may come
                taken = scan.engine.turn(1.0 + monotonic() - begun, stays_s=0.2)
                ((_, window, *_),) = scan.engine.figures()
        finally:
            over.set()
            serving.join()

    assert taken > 2 * window  # so it came round more than once


def test_a_turn_that_stays_ends_when_nothing_comes():
    with turns(1000) as scan:
        begun = monotonic()
        taken = [scan.engine.turn(1.0, stays_s=FAST_WITHIN_S) for _ in range(10)]

    assert taken == [0] * 10
    assert monotonic() - begun < FAST_WITHIN_S
