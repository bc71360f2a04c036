from collections.abc import Iterator

from scanner.candidates.space import Space

class Blocks:
    def __init__(
        self, space: Space, *, first: int, step: int, count: int, keys: tuple[int, ...] = (), block: int = 65536
    ) -> None: ...
    def __iter__(self) -> Iterator[bytes]: ...
    def __next__(self) -> bytes: ...
