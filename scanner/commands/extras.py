"""Optional parts: a program that needs one says in one sentence how to get it."""

from importlib import import_module

from scanner.errors import ScanError


def need(extra: str, *modules: str) -> None:
    """Raise ScanError where a module of the optional part `extra` is not installed."""
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError:
            raise ScanError(f"{module} is not installed: pip install 'dnsscan[{extra}]' brings it") from None
