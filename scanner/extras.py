"""Optional parts: what needs one says in one sentence how to install it."""

from importlib import import_module
from pathlib import Path

from scanner.errors import ScanError


def need(who: str, extra: str, *modules: str) -> None:
    """Raise ScanError where a module of the optional part `extra` is not installed; `who` is a command or a flag."""
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if (error.name or module).partition(".")[0] != module:
                raise
            raise ScanError(f"{who} needs {module.replace('_', '-')}: pip install {place(extra)}") from None


def place(extra: str) -> str:
    """What pip is to install: from a checkout that is the checkout."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "pyproject.toml").is_file():
        return f"'dnsscan[{extra}]'"
    return f"'{'.' if Path.cwd() == root else root}[{extra}]'"
