"""Responses that come faster than this machine takes them: the kernel drops them, and says so."""

import json
import signal
import subprocess
import time

from command import start, wait_for
from udp_turns import turns

NAMES = 20_000
LEARNS = NAMES / 4  # names after the first drop


def test_what_this_machine_drops_is_seen_and_makes_it_take_less_at_once_and_no_name_is_lost():
    dropped = learned = 0
    for _ in range(5):  # on a busy machine a scan may never be so fast that something is dropped
        dropped, learned = dropped_in_a_scan()
        if dropped:
            break

    assert dropped > 0
    assert dropped - learned < NAMES / 50


def dropped_in_a_scan() -> tuple[int, int]:
    """Responses dropped in all, and of these until there was time to learn from it."""
    learned_at, learned, turn_count = NAMES, 0, 0
    with turns(NAMES, rcvbuf=32_768) as scan:  # room for some eighty responses
        while not scan.pool.done and turn_count < 100_000:
            turn_count += 1
            scan.turn()
            taken = scan.pool.books.counts()["taken"]
            if scan.engine.overruns and learned_at == NAMES:
                learned_at = taken + LEARNS
            if taken < learned_at:
                learned = scan.engine.overruns
            scan.answer(scan.asked())
        assert scan.pool.books.counts()["taken"] == NAMES
        return scan.engine.overruns, learned


def test_the_summary_says_how_much_this_machine_dropped(new_lab, tmp_path):
    names = [f"over{number}.lab.test" for number in range(2000)]
    (tmp_path / "names").write_text("".join(f"{name}\n" for name in names))
    with new_lab("--delay-ms", "100:200") as lab, (tmp_path / "out").open("wb") as out:
        run = start("-r", f"udp://{lab.config['resolvers'][0]}", "--rcvbuf", "4096", "--stats", "json",
                    tmp_path / "names", stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)  # fmt: skip
        wait_for(lambda: (tmp_path / "out").stat().st_size)
        run.send_signal(signal.SIGSTOP)
        time.sleep(0.4)  # what is in flight comes, and finds room for ten
        run.send_signal(signal.SIGCONT)
        done = run.communicate(timeout=60)

    stats = json.loads(done[1].splitlines()[-1])
    assert stats["written"] == len(names)
    assert stats["overruns"] > 0
