"""dnsscan: names on stdin, one verdict a line on stdout, at high speed and through tunnels where there are some.

As a library: `from scanner import scan`. What that needs is imported when it is asked for, so that a command that only
says its version does not wait for it.
"""

from scanner.version import __version__

__all__ = ["ExtendedError", "Record", "Result", "ScanError", "Verdict", "__version__", "scan", "scan_all"]

TYPE_CHECKING = False  # as typing has it, without the import of typing
if TYPE_CHECKING:
    from scanner.library import ExtendedError, Record, Result, ScanError, Verdict, scan, scan_all


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("scanner.library"), name)
