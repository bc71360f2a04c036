"""The values of flags and file, flags first, each checked by its kind as it is taken."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scanner.config.file import ConfigSource
from scanner.config.kinds import Option
from scanner.errors import ScanError


@dataclass(frozen=True)
class Values:
    """What was given for the options of one table."""

    options: Mapping[str, Option]
    source: ConfigSource
    table: Mapping[str, Any]  # of the file; its keys are known ones
    flags: Mapping[str, Any]  # only those that were given
    environ: Mapping[str, str]

    def where(self, key: str) -> str:
        """The flag, or the file and line, that a value came from."""
        return self.options[key].long if key in self.flags else f"{self.source.at(key)}: {key}"

    def is_given(self, key: str) -> bool:
        """True for a key that stands in the file or as a flag."""
        return key in self.flags or key in self.table

    def value(self, key: str) -> Any:
        """The value checked, or the default. Raises ScanError."""
        option = self.options[key]
        if not self.is_given(key):
            return option.default
        is_flag = key in self.flags
        try:
            found = option.kind.read(self.flags[key] if is_flag else self.table[key], is_flag=is_flag)
        except ValueError as error:
            raise ScanError(f"{self.where(key)}: {error}") from None
        return option.default if found is None else found

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts, None when it was not given."""
        found: tuple[str, ...] | None = self.value(key)
        return found
