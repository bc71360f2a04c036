"""The house has floors: a file imports from floors below its own and from its own room, and outside libraries
live where the plan says. Read from the sources, Cython included, so an import inside a function counts
too."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = {  # the longest name that fits a module counts
    "scanner": 0,
    "scanner.model": 0,
    "scanner.errors": 0,
    "scanner.text": 0,
    "scanner.extras": 1,
    "scanner.native.clock": 1,
    "scanner.wordlists": 0,
    "scanner.native": 0,
    "scanner.native.wire": 1,
    "scanner.native.line": 1,
    "scanner.rdata": 1,
    "scanner.input": 0,
    "scanner.input.idn": 1,
    "scanner.input.line": 2,  # one step above idn, which it asks for names beyond ASCII
    "scanner.native.answered": 2,
    "scanner.native.dice": 1,
    "scanner.native.name": 1,
    "scanner.native.names": 2,
    "scanner.native.spool": 2,
    "scanner.native.peer": 2,
    "scanner.native.tally": 1,
    "scanner.native.server": 2,
    "scanner.native.sockets": 1,
    "scanner.native.table": 2,
    "scanner.native.session": 2,
    "scanner.native.udp": 2,
    "scanner.transports": 3,
    "scanner.source": 3,  # the two ends and the counts: what workers share, so below them
    "scanner.sink": 3,
    "scanner.status": 3,
    "scanner.status.console": 3,
    "scanner.signals": 3,
    "scanner.workers": 4,
    "scanner.results": 5,
    "scanner.results.output": 5,
    "scanner.input.files": 5,
    "scanner.input.nesting": 1,
    "scanner.config": 5,
    "scanner.status.view": 5,  # what can be seen of the parts; below those who tell of it
    "scanner.status.progress": 6,
    "scanner.status.summary": 6,
    "scanner.status.heartbeat": 6,
    "scanner.status.metrics": 6,
    "scanner.status.reporters": 7,
    "scanner.parts": 6,  # made from the configuration, for the scan
    "scanner.run": 8,
    "scanner.library": 9,
    "scanner.lab": 6,
    "scanner.results.newfile": 5,
    "scanner.results.table": 6,  # the lines as a table, for the two above it
    "scanner.registration": 7,
    "scanner.candidates": 6,
    "scanner.results.convert": 7,
    "scanner.report": 7,
    "scanner.cli": 12,
    "scanner.__main__": 13,  # calls cli and nothing else
}
DOORS = {"scanner": "scanner.library"}  # the package leads up to the library, and opens it when asked
ROOMS = (
    "scanner.native",
    "scanner.transports",
    "scanner.workers",
    "scanner.lab",
    "scanner.registration",
    "scanner.candidates",
    "scanner.report",
    "scanner.config",
    "scanner.cli",
    "scanner.input",
    "scanner.results",
    "scanner.status",
)
HOMES = {  # outside library: the modules that may import it
    "click": ("scanner.cli",),
    "dns": ("scanner.rdata",),
    "duckdb": ("scanner.results.table", "scanner.results.convert", "scanner.report.query"),
    "idna": ("scanner.input.idn",),
    "httpcore2": ("scanner.registration.https",),
    "prometheus_client": ("scanner.status.metrics",),
    "publicsuffixlist": ("scanner.registration.domain",),
    "python_socks": ("scanner.transports.tunnel",),
    "trustme": ("scanner.lab.registries",),
    "vl_convert": ("scanner.report.drawing",),
    "uvloop": ("scanner.run", "scanner.lab"),
    "orjson": tuple(module for module, floor in FLOORS.items() if floor > 3),
    "asyncio": tuple(module for module, floor in FLOORS.items() if floor >= 3),
}
CYTHON_IMPORT = re.compile(r"^\s*(?:from\s+([\w.]+)\s+c?import\s+(\(?[\w ,*]*)|c?import\s+([\w., ]+))", re.MULTILINE)
SOURCES = sorted(path for ending in ("py", "pyi", "pyx", "pxd") for path in ROOT.glob(f"scanner/**/*.{ending}"))


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def belongs(module: str, name: str) -> bool:
    return module == name or module.startswith(name + ".")


def floor_of(module: str) -> int:
    if module in FLOORS:
        return FLOORS[module]
    rooms = [name for name in FLOORS if name != "scanner" and name != "scanner.native" and belongs(module, name)]
    assert rooms, f"{module} has no floor yet: give it one in DESIGN and in FLOORS"
    return FLOORS[max(rooms, key=len)]


def room_of(module: str) -> str:
    return next((room for room in ROOMS if belongs(module, room)), module)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or any(path.with_suffix(f".{ending}").exists() for ending in ("py", "pyx", "pxd"))


def from_names(package: str, names: list[str]) -> list[str]:
    """`from package import name`: the name may be a module of it or something in it."""
    modules = [f"{package}.{name}" for name in names]
    return [module if is_module(module) else package for module in modules] or [package]


def python_imports(text: str, module: str) -> list[str]:
    found: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are written in full"
            found += from_names(node.module or "", [alias.name for alias in node.names])
    return found


def cython_imports(text: str) -> list[str]:
    found: list[str] = []
    for package, names, plain in CYTHON_IMPORT.findall(text):
        if plain:
            found += [name.split()[0] for name in plain.split(",") if name.strip()]
        else:
            found += from_names(package, re.findall(r"\w+", names.replace(" as ", " ")))
    return found


def imports_of(path: Path) -> list[str]:
    text = path.read_text()
    return cython_imports(text) if path.suffix in (".pyx", ".pxd") else python_imports(text, module_of(path))


def is_below(module: str, imported: str) -> bool:
    mine, theirs = floor_of(module), floor_of(imported)
    return theirs < mine or (theirs == mine and room_of(module) == room_of(imported))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_floors_below_its_own_and_from_its_own_room(path):
    module = module_of(path)
    ours = {name for name in imports_of(path) if belongs(name, "scanner")}

    assert [name for name in sorted(ours) if not is_below(module, name) and DOORS.get(module) != name] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_outside_library_is_imported_only_in_its_home(path):
    module = module_of(path)
    outside = {name.partition(".")[0] for name in imports_of(path)} & HOMES.keys()

    assert [name for name in sorted(outside) if not any(belongs(module, home) for home in HOMES[name])] == []


def test_the_house_has_no_room_for_odds_and_ends():
    names = {part for path in SOURCES for part in Path(module_of(path).replace(".", "/")).parts}

    assert names & {"utils", "util", "helpers", "common", "manager", "handler", "factory", "misc"} == set()


def test_cython_imports_are_seen():
    text = "from scanner.native.names cimport (\n    Name,\n)\nimport os, scanner.sink\ncimport a\nfrom os import x\n"

    assert cython_imports(text) == ["scanner.native.names", "os", "scanner.sink", "a", "os"]
