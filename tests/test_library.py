"""The library against the lab: typed results, back-pressure, and nothing left behind however the `async for` ends.

The scans run in this process; the first one of a process leaves libuv's own pipe open (one for all loops), so
`nothing_left` makes that one before it compares."""

import asyncio
import contextlib
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import FrozenInstanceError, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import uvloop

import scanner
from scanner import Result, ScanError, scan, scan_all

ROOT = Path(__file__).parent.parent
GONE_S = 10  # by when all must be gone, on a machine that is busy


@pytest.fixture
def config(lab) -> dict[str, Any]:
    return {**lab.config, "workers": 8}


def here() -> tuple[set[str], set[str]]:
    """What is open, and the threads that are alive."""
    links = set()
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # the list's own
            links.add(number + " " + os.readlink(f"/proc/self/fd/{number}"))
    return links, {thread.name for thread in threading.enumerate()}


@pytest.fixture
def nothing_left(config) -> Callable[[], Any]:
    """`async with nothing_left():` no descriptor, thread or task is there in the end that was not before."""
    scan_all(["a.test"], config)

    @asynccontextmanager
    async def compared() -> AsyncIterator[None]:
        before = here()
        yield
        until = time.monotonic() + GONE_S
        while here() != before or len(asyncio.all_tasks()) > 1:
            assert time.monotonic() < until, (before, here(), asyncio.all_tasks())
            await asyncio.sleep(0.01)

    return compared


def endless() -> Iterator[str]:
    return (f"n{number}.test" for number in count())


async def never() -> AsyncIterator[str]:
    yield "a.test"
    await asyncio.Event().wait()


def test_ten_thousand_names_have_ten_thousand_results(config):
    names = [f"{'nxdomain' if number % 3 == 0 else 'nodata'}.n{number}.lab.test" for number in range(10_000)]

    results = scan_all(names, config)

    assert sorted(result.name for result in results) == sorted(names)
    assert {result.verdict for result in results if result.name.startswith("nx")} == {"nxdomain"}
    assert {result.verdict for result in results if result.name.startswith("nodata")} == {"taken"}


TROUBLES = ("a", "servfail", "refused", "rcode-9", "nodata", "cname-nx", "nxdomain", "short")


def test_a_result_says_what_the_line_of_the_command_says(lab, run_dnsscan):
    names = [*(f"{label}.lab.test" for label in TROUBLES), "faß.test", "two words", "# comment", "", "x" * 5000]
    config = {**lab.config, "workers": 4, "fields": ["n", "why", "t", "a", "ans", "auth", "ede", "ns", "sec", "fl"]}
    Path(lab.path.with_name("fields.json")).write_text(json.dumps(config))
    command = run_dnsscan("--config", lab.path.with_name("fields.json"), stdin="\n".join(names).encode())

    results = scan_all(names, config)

    def comparable(found: list[Result]) -> list[Result]:
        return sorted((replace(result, ms=0) for result in found), key=lambda result: result.number or 0)

    assert comparable(results) == comparable([Result.from_line(json.dumps(line)) for line in command.lines])
    assert len(results) == len(names) - 2
    assert {result.name: result.asked for result in results}["faß.test"] == "xn--fa-hia.test"


def test_a_result_counts_its_retries(config):
    (result,) = scan_all(["servfail-1.retries.lab.test"], config)

    assert (result.verdict, result.retries) == ("taken", 1)


def test_a_result_cannot_be_changed_and_takes_no_other_attribute(config):
    (result,) = scan_all([b"a.test\n"], config)

    assert (result.name, result.verdict, result.rcode, result.noerror, result.reason) == (
        "a.test", "taken", 0, True, None)  # fmt: skip
    with pytest.raises(FrozenInstanceError):
        result.verdict = "nxdomain"  # type: ignore[misc]
    assert not hasattr(result, "__dict__")


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_it_runs_in_a_loop_of_either_kind_that_is_already_running(run, config, nothing_left):
    async def names() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"n%d.test" % number
            await asyncio.sleep(0)

    async def main() -> None:
        async with nothing_left():
            async for result in scan(names(), config):
                found.add(result.name)

    found: set[str] = set()
    run(main())

    assert found == {f"n{number}.test" for number in range(100)}


def test_a_name_is_asked_while_the_next_one_is_not_yet_there(config):
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def names() -> AsyncIterator[str]:
        for number in range(3):
            yield f"n{number}.test"
            assert await heard.get() == f"n{number}.test"

    async def main() -> None:
        async for result in scan(names(), config):
            heard.put_nowait(result.name)

    asyncio.run(main())

    assert heard.empty()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("names", [endless, never])
def test_break_stops_the_scan_and_frees_all_it_had(run, names, config, nothing_left):
    async def main() -> None:
        async with nothing_left():
            async for result in scan(names(), config):
                assert result.verdict != "error"
                break

    run(main())


def test_aclose_returns_when_all_is_free(config, nothing_left):
    async def main() -> None:
        async with nothing_left():
            before = here()
            async with aclosing(scan(endless(), config)) as results:
                await anext(results)
            assert here() == before

    asyncio.run(main())


@pytest.mark.parametrize("names", [endless, never])
def test_a_cancelled_task_stops_its_scan(names, config, nothing_left):
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in scan(names(), config):  # never waits for anything else
            begun.set()

    async def main() -> None:
        async with nothing_left():
            task = asyncio.create_task(consume())
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


def test_cancelled_twice_it_still_frees_all(config, nothing_left):
    begun = asyncio.Event()

    async def consume() -> None:
        async for _ in scan(endless(), config):
            begun.set()

    async def main() -> None:
        async with nothing_left():
            task = asyncio.create_task(consume())
            await begun.wait()
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())


def test_an_exception_of_the_consumer_stops_the_scan(config, nothing_left):
    async def main() -> None:
        async with nothing_left():
            with contextlib.suppress(ZeroDivisionError):
                async for _ in scan(endless(), config):
                    raise ZeroDivisionError

    asyncio.run(main())


def broken() -> Iterator[str]:
    yield "a.test"
    raise ZeroDivisionError("out of names")


async def broken_later() -> AsyncIterator[str]:
    yield "a.test"
    raise ZeroDivisionError("out of names")


@pytest.mark.parametrize("names", [broken, broken_later])
def test_what_the_names_raise_comes_out_of_the_loop(names, config, nothing_left):
    async def main() -> None:
        async with nothing_left():
            with pytest.raises(ZeroDivisionError, match="out of names"):
                async for _ in scan(names(), config):
                    pass

    asyncio.run(main())


def test_two_scans_at_once_do_not_mix(config, nothing_left):
    async def of(prefix: str, types: list[str]) -> list[Result]:
        names = [f"{prefix}{number}.test" for number in range(2000)]
        return [result async for result in scan(names, {**config, "type": types})]

    async def main() -> tuple[list[Result], list[Result]]:
        async with nothing_left():
            both = await asyncio.gather(of("a", ["NS"]), of("b", ["A", "MX"]))
            return both[0], both[1]

    one, two = asyncio.run(main())

    assert {result.name for result in one} == {f"a{number}.test" for number in range(2000)}
    assert {(r.name, r.type) for r in two} == {(f"b{n}.test", kind) for n in range(2000) for kind in ("A", "MX")}
    assert (len(one), len(two)) == (2000, 4000)


@pytest.mark.parametrize("pause", [asyncio.sleep, time.sleep])
def test_a_slow_consumer_stops_the_names_and_no_answer_is_late(pause, config):
    drawn, enough = 0, False

    def names() -> Iterator[str]:
        nonlocal drawn
        while not enough:
            drawn += 1
            yield f"n{drawn}.{'x' * 50}.test"

    async def main() -> list[Result]:
        nonlocal enough
        results, marks = [], []
        async for result in scan(names(), {**config, "timeout_ms": 1000, "retries": 0, "no_second_pass": True}):
            results.append(result)
            if len(results) in (10, 20, 30):
                if waited := pause(1.5):
                    await waited
                marks.append(drawn)
        assert marks[2] < 40_000  # pipes, source and sink hold some hundred thousand octets each
        return results

    async def stop() -> None:
        nonlocal enough
        while drawn < 40_000:
            await asyncio.sleep(0.01)
        enough = True

    async def both() -> list[Result]:
        results, _ = await asyncio.gather(main(), stop())
        return results

    results = asyncio.run(both())

    assert len(results) == drawn
    assert "error" not in {result.verdict for result in results}


def test_a_line_that_is_no_name_has_one_result(config):
    results = scan_all(["a.test\nb.test", b"x" * 5000, "\ud800.test", b"\xff.test", "ok.test\n", ""], config)

    assert {(result.name[:20], result.reason) for result in results} == {
        ("a.test\\010b.test", "badname"), ("x" * 20, "badname"), ("\\237\\160\\128.test", "badname"),
        ("\\255.test", "badname"), ("ok.test", None)}  # fmt: skip
    assert len(results) == 5


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"resolver": "192.0.2.53", "workers": 0}, 'config: workers: "0" is not a number from 1 to 100000'),
        ({"resolvr": "192.0.2.53"}, 'config: unknown key "resolvr"; did you mean "resolver"?'),
        ({"resolver": "quic://192.0.2.53"}, "config: resolver: .* not in this version"),
        ({"resolver": "192.0.2.53", "workers": 99_999}, "workers need .* open files"),
        ({1: 2}, "config: must be a mapping"),
        ([], "config: must be a mapping"),
    ],
)
def test_a_wrong_configuration_is_a_scan_error_before_anything_begins(config, said):
    before = here()

    with pytest.raises(ScanError, match=said):
        scan(["a.test"], config)
    assert here() == before


def test_what_is_no_iterable_of_names_is_a_type_error(config):
    with pytest.raises(TypeError, match="an iterable of names, not one"):
        scan("a.test", config)
    with pytest.raises(TypeError, match="a name is str or bytes, not int"):
        scan_all([1], config)  # type: ignore[list-item]


def test_an_error_of_the_scan_is_raised(config, nothing_left):
    async def main() -> None:
        async with nothing_left():
            with pytest.raises(ScanError, match="the input is zip"):
                async for _ in scan([b"PK\x03\x04"], config):
                    pass

    asyncio.run(main())


def test_a_budget_ends_it_with_what_there_is(config, nothing_left):
    async def main() -> int:
        async with nothing_left():
            found = 0
            async for _ in scan(never(), {**config, "max_time": 1}):
                found += 1
            return found

    assert asyncio.run(main()) == 1


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_signals_and_stderr_are_the_programs_and_warnings_go_to_it_alone(capfd):
    told: list[str] = []
    config = {"resolver": f"127.0.0.1:{closed_port()}", "deadline_ms": 500}

    def handlers() -> list[object]:
        return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)]

    async def main() -> list[Result]:
        results, before = [], handlers()
        async for result in scan(["a.test"], config, warn=told.append):
            assert handlers() == before
            results.append(result)
        return results

    (result,) = asyncio.run(main())
    (unheard,) = scan_all(["a.test"], config)

    assert (result.verdict, result.reason) == (unheard.verdict, unheard.reason) == ("error", "connection")
    assert any("refused" in text for text in told), told
    assert capfd.readouterr() == ("", "")


def test_over_udp_with_engines_in_threads_nothing_is_left_either(lab, nothing_left):
    config = {"resolver": f"udp://{lab.config['resolvers'][0]}", "threads": 2, "rate": 0}

    async def main() -> None:
        async with nothing_left(), aclosing(scan(endless(), config)) as results:
            for _ in range(1000):
                assert (await anext(results)).verdict != "error"

    asyncio.run(main())


def test_the_temporary_file_of_the_second_pass_is_closed_too(config, nothing_left):
    def names() -> Iterator[str]:
        yield from (f"servfail.n{number}.lab.test" for number in range(20_000))  # more than a megabyte of waiting names
        yield from endless()

    async def main() -> None:
        async with nothing_left():
            before = here()
            async with aclosing(scan(names(), {**config, "retries": 0})) as results:
                for _ in range(5000):
                    assert (await anext(results)).verdict != "error"
                assert any("(deleted)" in link for link in here()[0] - before[0])

    asyncio.run(main())


def test_a_forked_child_that_holds_the_pipes_does_not_keep_it_from_ending(config):
    async def main() -> int:
        found = child = 0
        async for _ in scan([f"n{number}.test" for number in range(100)], config):
            found += 1
            if found == 1:
                with warnings.catch_warnings(action="ignore"):  # of forking with threads, since Python 3.12
                    child = os.fork()
                if not child:
                    time.sleep(GONE_S)
                    os._exit(0)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return found

    assert asyncio.run(main()) == 100


def test_importing_the_package_imports_nothing_heavy():
    code = (
        "import sys, scanner; print({'asyncio', 'typing', 'uvloop', 'orjson', 'scanner.library'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_a_scan_imports_no_library_that_it_does_not_need():
    code = "import sys, scanner.scanning.run; print({'dns', 'email', 'publicsuffixlist'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "set()\n"


def test_scan_is_the_function_whatever_was_imported_before_it():
    code = "import scanner.scanning.run, scanner.library; from scanner import scan; print(scan.__name__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("scan\n", "")
    assert [name for name in scanner.__all__ if (ROOT / "scanner" / name).exists()] == []  # a room would take its place


def test_the_package_has_no_other_names():
    with pytest.raises(ImportError):
        from scanner import nothing  # noqa: F401


def test_the_examples_of_the_how_to_run(lab, tmp_path):
    page = (ROOT / "docs" / "how-to" / "library.md").read_text()
    (tmp_path / "cfg.json").write_bytes(lab.path.read_bytes())
    (tmp_path / "domains.txt").write_text("a.test\nnxdomain.lab.test\nservfail.lab.test\n")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)

    out = [
        subprocess.run([sys.executable, "-W", "error", "-c", example], cwd=tmp_path, capture_output=True, text=True,
                       check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60).stdout
        for example in examples
    ]  # fmt: skip

    assert len(out) == 2
    assert "nxdomain.lab.test" in out[0]
    assert "servfail.lab.test" in out[1]


def test_a_result_makes_the_line_that_made_it():
    lines = [
        b'{"d":"a.test","s":"taken","r":0,"ms":4,"re":true}\n',
        b'{"d":"b.test","s":"error","r":null,"ms":204,"re":false,"e":"timeout","x":2,"q":"c.test","n":7,"p":0}\n',
        b'{"d":"\\u00e9","s":"nxdomain","r":3,"ms":0,"re":false,"a":["x"],"fl":"qr","ns":"tcp://h:53","ts":1.5}\n',
        b'{"d":"d.test","s":"taken","r":0,"ms":1,"re":true,"a":[],"ttl":5,"cn":["x."],'
        b'"ans":[{"name":"d.test.","ttl":5,"type":"CNAME","data":"x."}],"ede":[{"code":1,"text":"y"}],"us":1234}\n',
    ]

    assert [Result.from_line(line).to_line() for line in lines] == lines


# -- descriptors that are not there, or not ours any more ------------------------------------------------------------


@contextlib.contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    """So many more may be opened in this process; afterwards they still may."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[0]), before[1]))
    try:
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(2))
        for _ in range(count):
            os.close(taken.pop())
        yield
        for _ in range(count):
            taken.append(os.dup(2))
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("count", [1, 3])
def test_a_scan_that_cannot_have_its_pipes_leaves_none_of_them_open(config, count):
    async def first() -> None:
        async with aclosing(scan(["a.test"], config)) as results:
            await anext(results)

    async def refused() -> None:
        with descriptors_left(count), pytest.raises(OSError, match="Too many open files"):
            await first()

    asyncio.run(refused())


def test_names_that_come_when_the_scan_is_closed_go_nowhere(config):
    """Their source does not mind being cancelled, and the scan's closing is cancelled too."""

    async def stubborn() -> AsyncIterator[str]:
        yield "a.test"
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(GONE_S)
        await asyncio.sleep(0.3)
        yield "late.test"

    async def read(reading: asyncio.Event) -> None:
        async with aclosing(scan(stubborn(), config)) as results:
            async for _ in results:
                reading.set()

    async def main() -> list[int]:
        reading = asyncio.Event()
        reader = asyncio.create_task(read(reading))
        await reading.wait()
        for _ in range(2):
            reader.cancel()
            await asyncio.sleep(0.05)
        assert reader.cancelled()
        pipes = [os.pipe() for _ in range(8)]  # they have the numbers that were the scan's
        await asyncio.sleep(0.5)
        readable, _, _ = select.select([end for end, _ in pipes], [], [], 0)
        for descriptor in (end for both in pipes for end in both):
            os.close(descriptor)
        return readable

    assert asyncio.run(main()) == []


def test_the_module_shows_what_it_has():
    import scanner

    assert {"scan", "scan_all", "Result", "ScanError", "__version__"} <= set(dir(scanner))
