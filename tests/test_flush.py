"""The flush on its own: when blocks of finished lines leave the line buffer, and what a full one means."""

import asyncio

from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.output.buffer import LineBuffer
from scanner.streams.flush import PAUSE_S, Flush


def pool_of(buffer: LineBuffer) -> JobPool:
    return JobPool(buffer, (2,), classify_line=classify_line, room_made=lambda: None)


def write_bad(pool: JobPool, lines: int) -> None:
    """Finished lines: those of input that is no name."""
    pool.feed(b"not a name\n" * lines)
    assert not pool.look_ahead()


def test_a_full_buffer_is_handed_over_at_once_and_its_writers_are_told():
    """Found by the bench: with few queries in flight every full buffer cost a pause, and then a whole tick."""

    async def scenario() -> tuple[int, int, list[bytes], list[str]]:
        buffer, blocks, told = LineBuffer(200), [], []
        flush = Flush(buffer, blocks.append, lambda: told.append("flushed"))
        flush.now()  # from now on a poke waits
        told.clear()
        write_bad(pool_of(buffer), 100)
        full = buffer.used
        flush.poke()
        return full, buffer.used, blocks, told

    full, left, blocks, told = asyncio.run(scenario())

    assert full >= 200
    assert left == 0
    assert [len(block) for block in blocks] == [full]
    assert told == ["flushed"]


def test_the_writers_are_told_of_each_flush():
    async def scenario() -> tuple[list[bytes], list[str]]:
        blocks: list[bytes] = []
        told: list[str] = []
        flush = Flush(LineBuffer(), blocks.append, lambda: told.append("flushed"))
        flush.now()
        flush.now()
        return blocks, told

    assert asyncio.run(scenario()) == ([], ["flushed", "flushed"])


def test_a_line_leaves_in_the_same_turn_of_the_loop_when_nothing_is_going_on():
    async def scenario() -> list[bytes]:
        buffer, blocks = LineBuffer(), []
        flush = Flush(buffer, blocks.append, lambda: None)
        write_bad(pool_of(buffer), 1)
        flush.poke()
        assert blocks == []
        await asyncio.sleep(0)
        return blocks

    assert [block.count(b"\n") for block in asyncio.run(scenario())] == [1]


def test_lines_that_come_within_the_pause_leave_as_one_block():
    async def scenario() -> tuple[list[bytes], float]:
        loop, buffer, blocks = asyncio.get_running_loop(), LineBuffer(), []
        flush, pool = Flush(buffer, blocks.append, lambda: None), pool_of(buffer)
        flush.now()
        begun = loop.time()
        for _ in range(3):
            write_bad(pool, 1)
            flush.poke()
            assert flush.scheduled
            await asyncio.sleep(0)
        assert blocks == [] or loop.time() > begun + 0.005  # a busy machine may have slept through the pause
        while not blocks:
            await asyncio.sleep(0.0005)
        return blocks, loop.time() - begun

    blocks, seconds = asyncio.run(scenario())

    assert [block.count(b"\n") for block in blocks] == [3]
    assert seconds >= PAUSE_S / 2
