"""Responses that come when their attempts have ended: more was asked than is answered in the time of an attempt."""

from udp_turns import Turns, turns

ATTEMPT_TURNS = 40  # of 10 ms; an attempt takes 300 ms


def unanswered(each: Turns) -> list[tuple[bytes, tuple]]:
    """What was asked in the fifth turn, but for eight; its attempts have ended."""
    for _ in range(4):
        each.turn()
        each.answer(each.asked())
    each.turn()
    asked = each.asked()
    each.answer(asked[:8])
    for _ in range(ATTEMPT_TURNS):
        each.turn()
        each.answer(each.asked())
    return asked[8:]


def test_where_responses_come_when_their_attempts_have_ended_less_is_in_flight():
    with turns(5000) as each:
        late = unanswered(each)
        ((_, before, *_),) = each.engine.figures()

        each.answer(late)
        each.turn()
        ((_, after, *_),) = each.engine.figures()

    assert after < 0.9 * before  # in the same turn some come in time


def test_a_response_that_comes_twice_is_none_of_these():
    with turns(1000) as each:
        each.turn()
        asked = each.asked()
        each.answer(asked)
        each.turn()
        ((_, before, *_),) = each.engine.figures()

        each.answer(asked)
        each.turn()
        ((_, after, *_),) = each.engine.figures()

    assert after >= before


def test_a_far_path_that_was_halved_and_then_comes_near_has_no_ceiling():
    with turns(20_000) as each:
        late = unanswered(each)
        each.answer(late)
        size, left = 0, 12_000
        while size <= 16 and left:  # turns of half a millisecond: the server is next door now
            each.turn(0.0005)
            each.answer(each.asked())  # what a busy kernel has brought by now
            ((_, size, *_),) = each.engine.figures()
            left -= 1

    assert size > 16
