"""The house has rooms, listed in CONTRIBUTING.md: a file imports from its own room and from rooms lower in the list, no
modules import each other in a circle, and outside libraries live where HOMES says. Read from the sources, Cython
included, so `cimport`, an import inside a function and one for types only count too."""

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
CYTHON_IMPORT = re.compile(
    r"^[ ]*(?:from\s+([\w.]+)\s+c?import\s+(?:\(([^)]*)\)|([^\n#]*))|c?import\s+([^\n#(]+))", re.MULTILINE
)
SOURCES = sorted(path for ending in ("py", "pyi", "pyx", "pxd") for path in ROOT.glob(f"scanner/**/*.{ending}"))


def rows() -> list[list[str]]:
    """The table of rooms, top first: the cells of each row."""
    table = CONTRIBUTING.partition("\n## Rooms\n")[2].partition("\n## ")[0].partition("|---|")[2]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[1:] if line.strip()]


def room_name(path: str) -> str:
    """The package or module of a path below scanner/, as the table writes it."""
    return ".".join(["scanner", *path.removesuffix(".py").strip("/").split("/")]).removesuffix(".__init__")


ROWS = rows()
LEVELS = {  # by room; the room of a module is the longest name that fits it
    room_name(path): level for level, row in enumerate(reversed(ROWS)) for path in re.findall(r"`([^`]+)`", row[0])
}
NATIVE = max(level for room, level in LEVELS.items() if room.startswith("scanner.native"))
HOMES = {  # outside library: the modules that may import it
    "backports": ("scanner.input.packed",),
    "click": ("scanner.cli",),
    "dask": ("scanner.cluster.engine",),
    "distributed": ("scanner.cluster.engine", "scanner.cluster.node"),
    "dns": ("scanner.rdata", "scanner.registry.messages", "scanner.vetting.messages"),
    "duckdb": ("scanner.results.table", "scanner.results.convert", "scanner.report.query", "scanner.report.confirmed"),
    "fsspec": ("scanner.cluster.files",),
    "httpcore2": ("scanner.registration.https",),
    "idna": ("scanner.input.idn",),
    "prometheus_client": ("scanner.status.metrics",),
    "publicsuffixlist": ("scanner.registration.domain", "scanner.registry.suffixes"),
    "trustme": ("scanner.lab.registries",),
    "uvloop": ("scanner.scanning.run", "scanner.lab.run"),
    "vl_convert": ("scanner.report.drawing",),
}
ABOVE_NATIVE = [room for room, level in LEVELS.items() if level > NATIVE]  # what is below needs neither of these two
GENERAL = {"asyncio": (*ABOVE_NATIVE, "scanner.signals"), "orjson": tuple(ABOVE_NATIVE)}  # in signals for a type only


# -- modules and rooms ---------------------------------------------------------------------------------------------


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def belongs(module: str, name: str) -> bool:
    return module == name or module.startswith(name + ".")


def room_of(module: str) -> str:
    """The package itself is a room of its own: its `__init__.py`."""
    rooms = [room for room in LEVELS if belongs(module, room) and (room != "scanner" or module == "scanner")]
    assert rooms, f"{module} has no room yet: give it one in the table of CONTRIBUTING.md"
    return max(rooms, key=len)


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or any(path.with_suffix(f".{ending}").exists() for ending in ("py", "pyx", "pxd"))


# -- imports -------------------------------------------------------------------------------------------------------


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
    for package, in_brackets, in_line, plain in CYTHON_IMPORT.findall(text):
        names = [part.split()[0] for part in (in_brackets or in_line or plain).split(",") if part.split()]
        found += names if plain else from_names(package, names)
    return found


def imports_of(path: Path) -> list[str]:
    text = path.read_text()
    return cython_imports(text) if path.suffix in (".pyx", ".pxd") else python_imports(text, module_of(path))


def ours(path: Path) -> list[str]:
    """The modules of this program that a source imports, itself left out: its `.pxd` is the same module."""
    return sorted({name for name in imports_of(path) if belongs(name, "scanner")} - {module_of(path)})


def is_lower(module: str, imported: str) -> bool:
    mine, theirs = room_of(module), room_of(imported)
    return mine == theirs or LEVELS[theirs] < LEVELS[mine]


# -- tests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_its_own_room_and_from_lower_ones(path):
    module = module_of(path)

    assert [name for name in ours(path) if not is_lower(module, name)] == []


def test_no_modules_import_each_other_in_a_circle():
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        graph.setdefault(module_of(path), set()).update(ours(path))

    TopologicalSorter(graph).prepare()  # which names the circle that it finds


def test_every_room_of_the_list_is_there_and_stands_in_it_once():
    named = [path for row in ROWS for path in re.findall(r"`([^`]+)`", row[0])]

    assert len(named) == len(set(named))
    assert [path for path in named if not is_module(room_name(path))] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_outside_library_is_imported_only_in_its_home(path):
    module, homes = module_of(path), HOMES | GENERAL
    outside = {name.partition(".")[0] for name in imports_of(path)} & homes.keys()

    assert [name for name in sorted(outside) if not any(belongs(module, home) for home in homes[name])] == []


@pytest.mark.parametrize("library", HOMES)
def test_the_list_of_rooms_names_each_outside_library_where_it_lives(library):
    level = {LEVELS[room_of(home)] for home in HOMES[library]}

    assert {len(ROWS) - 1 - at for at, row in enumerate(ROWS) if f"`{library}`" in row[2]} == level


def test_the_house_has_no_room_for_odds_and_ends():
    names = {part for path in SOURCES for part in Path(module_of(path).replace(".", "/")).parts}

    assert names & {"utils", "util", "helpers", "common", "manager", "handler", "factory", "misc"} == set()


def test_cython_imports_are_seen():
    text = """
from scanner.native.jobs.pool cimport (
    JobPool,
)
from scanner.native cimport (clock,
    path as other)
import os, scanner.sink as sink
    cimport a  # inside
from os import x, y
"""

    assert cython_imports(text) == [
        "scanner.native.jobs.pool", "scanner.native.clock", "scanner.native.path", "os", "scanner.sink", "a", "os",
        "os",
    ]  # fmt: skip
