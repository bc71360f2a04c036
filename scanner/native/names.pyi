from collections.abc import Callable, Sequence
from typing import Any

from scanner.native.answered import Answered
from scanner.native.line import Lines

Judged = tuple[bytes, bytes | None, int, str]

class Aside:
    lines: Lines
    queued: int
    def __init__(self, names: Names, index: int) -> None: ...
    @property
    def available(self) -> bool: ...
    @property
    def backlog(self) -> int: ...
    def give_back(self, reason: int, now: float) -> None: ...

class Names:
    lines: Lines
    lends: bool
    ended: bool
    queued: int
    live: int
    live_max: int
    workers: int
    exits: int
    resolvers: int
    heard_at: float
    troubles: int
    deferred: int
    unfinished: int
    skipped: int
    second: int
    recovered: int
    cut_short: bool
    query_max: int
    second_max: int
    second_live: int
    read: int
    blank: int
    written: int
    expected: int
    queries: int
    answers: int
    def __init__(
        self,
        lines: Lines,
        types: Sequence[int],
        *,
        judge: Callable[[bytes], Judged],
        room_made: Callable[[], object],
        type_tags: Sequence[bytes] = (),
        describe: Callable[[bytes], bytes] | None = None,
        fields: Sequence[str] = (),
        deadline_s: float = 10.0,
        retries: int = 2,
        live_max: int = 16384,
        special: bool = False,
        lends: bool = False,
        answered: Answered | None = None,
        spill: Callable[[], Any] | None = None,
        query_max: int = 0,
    ) -> None: ...
    def feed(self, chunk: bytes, before: int = -1) -> None: ...
    def end(self) -> None: ...
    @property
    def chunks_waiting(self) -> int: ...
    @property
    def octets_cut(self) -> int: ...
    def stop(self) -> None: ...
    def close(self) -> None: ...
    def leave(self) -> None: ...
    @property
    def available(self) -> bool: ...
    @property
    def backlog(self) -> int: ...
    @property
    def done(self) -> bool: ...
    def expire(self, now: float) -> int: ...
    def fail(self, reason: int, now: float, most: int) -> int: ...
    def hold(self, now: float) -> None: ...
    def release(self, now: float) -> None: ...
    def newly_aside(self) -> list[int]: ...
    def post(self) -> list[list[bytes]]: ...
    def adopt(self, letters: list[list[bytes]]) -> None: ...
    def books(self) -> dict[str, Any]: ...
