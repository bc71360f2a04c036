from collections.abc import Sequence

WORDS: tuple[str, ...]
"""What a column may be, in the order of the native enum; `-` is ignored."""

class Columns:
    @property
    def with_type(self) -> bool: ...
    def __init__(self, words: Sequence[str], separator: str = "") -> None: ...
    def name_span(self, line: bytes) -> tuple[int, int] | None: ...
