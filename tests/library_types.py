"""What a program that is checked by mypy sees of the library; `make check` checks it, nothing runs it."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal, assert_type

from scanner import Result, scan, scan_all


async def some() -> AsyncIterator[bytes]:
    yield b"a.test"


async def asynchronous() -> None:
    assert_type(scan(["a.test"], {"resolver": "192.0.2.53"}), AsyncGenerator[Result, None])
    async for result in scan(some(), {}, warn=print):
        assert_type(result, Result)
        assert_type(result.verdict, Literal["taken", "nxdomain", "error"])
        assert_type(result.rcode, int | None)
        assert_type(result.answers, tuple[str, ...] | None)
        result.ms = 1  # type: ignore[misc]


def synchronous() -> None:
    assert_type(scan_all(["a.test"], {}), list[Result])
    scan_all([1], {})  # type: ignore[list-item]
    scan_all(["a.test"], "cfg.json")  # type: ignore[arg-type]
