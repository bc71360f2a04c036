"""The sink on its own: when blocks are handed over, and what a full sheet means."""

import asyncio
import os
import threading
import time

from scanner.input.line import classify_line as judge
from scanner.native.line import Lines
from scanner.native.names import Names
from scanner.sink import Sink


def test_a_full_sheet_is_handed_over_at_once_and_its_writers_are_told():
    """Found by the bench: with few queries in flight every sheet cost a pause, and then a whole tick."""

    async def scenario() -> tuple[int, int, bytes]:
        read_end, write_end = os.pipe()
        lines = Lines(200)
        names = Names(lines, (2,), judge=judge, room_made=lambda: None)
        told = []
        sink = Sink(lines, write_end, behind=told.append, failed=told.append, flushed=lambda: told.append("flushed"))
        sink.flush()  # from now on a poke waits
        told.clear()
        names.feed(b"not a name\n" * 100)
        assert not names.available
        full = lines.used
        sink.poke()
        left = lines.used
        await sink.close()
        written = os.read(read_end, 10_000)
        os.close(read_end)
        os.close(write_end)
        return full, left, written

    full, left, written = asyncio.run(scenario())

    assert full >= 200
    assert left == 0
    assert len(written) == full


def test_the_writers_are_told_of_each_flush():
    async def scenario() -> list[str]:
        told: list[str] = []
        read_end, write_end = os.pipe()
        sink = Sink(Lines(), write_end, behind=lambda _: None, failed=lambda _: None,
                    flushed=lambda: told.append("flushed"))  # fmt: skip
        sink.flush()
        await sink.close()
        os.close(read_end)
        os.close(write_end)
        return told

    assert "flushed" in asyncio.run(scenario())


def test_a_failed_write_is_told_even_when_it_failed_just_before_the_end():
    """Found by a full disk: the thread had died, its word had not come, and the scan ended with code 0."""

    async def scenario() -> list[str]:
        told: list[str] = []
        descriptor = os.open("/dev/full", os.O_WRONLY)
        lines = Lines()
        names = Names(lines, (2,), judge=judge, room_made=lambda: None)
        sink = Sink(lines, descriptor, behind=lambda _: None, failed=lambda error: told.append(str(error)),
                    flushed=lambda: None)  # fmt: skip
        names.feed(b"not a name\n")
        assert not names.available
        sink.flush()
        until = time.monotonic() + 5
        while (
            any(thread.name == "sink" for thread in threading.enumerate()) and time.monotonic() < until
        ):  # without a turn of the loop
            time.sleep(0.01)
        await sink.close()
        os.close(descriptor)
        return list(told)

    assert asyncio.run(scenario())[:1] == ["cannot write the output: No space left on device"]
