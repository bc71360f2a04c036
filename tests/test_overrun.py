"""Responses that come faster than this machine takes them: the kernel drops them, and says so."""

from udp_turns import turns

NAMES = 20_000


def test_what_this_machine_drops_is_seen_and_makes_it_take_less_at_once_and_no_name_is_lost():
    dropped = []
    with turns(NAMES, rcvbuf=49_152) as scan:  # room for some hundred responses
        while not scan.pool.done and len(dropped) < 100_000:
            scan.turn()
            dropped.append(scan.engine.overruns)
            scan.answer(scan.asked())

    assert scan.pool.books.counts()["taken"] == NAMES
    assert dropped[-1] > 0
    assert dropped[-1] - dropped[len(dropped) // 2] <= dropped[len(dropped) // 2] / 2  # it learns
