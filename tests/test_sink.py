"""The sink on its own: blocks leave in their order, a slow reader is reported, and a write that fails is."""

import asyncio
import os
import threading
import time

from scanner.scanning.sink import BEHIND_OCTETS, CAUGHT_UP_OCTETS, Sink

BLOCK = b"a line\n" * 10_000


def test_blocks_are_written_in_their_order_and_all_are_out_when_it_is_closed():
    async def scenario() -> bytes:
        read_end, write_end = os.pipe()
        told = []
        sink = Sink(write_end, behind=told.append, failed=told.append)
        for number in range(100):
            sink.add(b"line %d\n" % number)
        await sink.close()
        assert told == []
        written = os.read(read_end, 10_000)
        os.close(read_end)
        os.close(write_end)
        return written

    assert asyncio.run(scenario()) == b"".join(b"line %d\n" % number for number in range(100))


def test_a_reader_that_falls_behind_is_reported_once_and_so_is_that_it_has_caught_up():
    async def scenario() -> tuple[int, list[bool], int, int]:
        read_end, write_end = os.pipe()
        told: list[bool] = []
        sink = Sink(write_end, behind=told.append, failed=lambda error: None)
        count = 0
        while not told:
            sink.add(BLOCK)
            count += 1
        sink.add(BLOCK)  # said once
        count += 1
        assert told == [True]
        read = 0
        while told == [True]:
            read += len(os.read(read_end, 1 << 16))
            await asyncio.sleep(0.001)
        left = count * len(BLOCK) - read
        while read < count * len(BLOCK):
            read += len(os.read(read_end, 1 << 16))
        await sink.close()
        os.close(read_end)
        os.close(write_end)
        return count, told, read, left

    count, told, read, left = asyncio.run(scenario())

    assert (count - 1) * len(BLOCK) > BEHIND_OCTETS >= (count - 2) * len(BLOCK)
    assert told == [True, False]
    assert left <= CAUGHT_UP_OCTETS + len(BLOCK) + (1 << 16)  # a block that is being written, and the pipe's own buffer
    assert read == count * len(BLOCK)


def test_a_failed_write_is_told_even_when_it_failed_just_before_the_end():
    """Found by a full disk: the thread had died, its word had not come, and the scan ended with code 0."""

    async def scenario() -> list[str]:
        told: list[str] = []
        descriptor = os.open("/dev/full", os.O_WRONLY)
        sink = Sink(descriptor, behind=lambda _: None, failed=lambda error: told.append(str(error)))
        sink.add(b"a line\n")
        until = time.monotonic() + 5
        while (
            any(thread.name == "sink" for thread in threading.enumerate()) and time.monotonic() < until
        ):  # without a turn of the loop
            time.sleep(0.01)
        await sink.close()
        os.close(descriptor)
        return list(told)

    assert asyncio.run(scenario())[:1] == ["cannot write the output: No space left on device"]
