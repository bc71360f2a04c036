from typing import Any

ENTRIES: tuple[tuple[str, str], ...]
"""Each entry's name and meaning, in the order of the native struct: the summary and `--stats json` are made from it."""

class Books:
    def count(self, name: str) -> int: ...
    def counts(self) -> dict[str, Any]: ...
