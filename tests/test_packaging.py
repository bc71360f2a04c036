"""What an installation brings, read from pyproject.toml; `scripts/wheel` builds it and tries it elsewhere."""

import os
import tomllib
from pathlib import Path

import scanner
from scanner import extras

ROOT = Path(__file__).parent.parent
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
ELSEWHERE = {"scanner.wordlists": ROOT / "wordlists"}
BUILT = {".c", ".so", ".pyc"}
SOURCES = {".py", ".pyx"}  # setuptools takes these anyway


def folder_of(package: str) -> Path:
    return ELSEWHERE.get(package, ROOT.joinpath(*package.split(".")))


def files_of(package: str) -> set[Path]:
    return {path for path in folder_of(package).iterdir() if path.is_file() and path.suffix not in BUILT}


def test_every_folder_with_files_is_a_package_or_setuptools_warns_at_length():
    folders = {path.parent for path in (ROOT / "scanner").rglob("*") if path.is_file() and path.suffix not in BUILT}

    assert {folder_of(package) for package in SETUPTOOLS["packages"]} == folders | set(ELSEWHERE.values())


def test_every_file_of_a_package_is_installed():
    left_out = []
    for package in SETUPTOOLS["packages"]:
        given = {path for name, globs in SETUPTOOLS["package-data"].items() if package.startswith(name)
                 for each in globs for path in folder_of(name).glob(each)}  # fmt: skip
        left_out += [path.name for path in files_of(package) - given if path.suffix not in SOURCES]

    assert left_out == ["README.md"]  # of the word lists


def test_what_stands_below_the_prefix_is_there():
    for place, globs in SETUPTOOLS["data-files"].items():
        assert place.startswith("share/")
        assert all([*ROOT.glob(each)] for each in globs), place


def test_what_the_library_has_is_shown_by_dir():
    assert {*scanner.__all__} <= {*dir(scanner)}
    assert {"scan", "scan_all", "Result"} <= {*dir(scanner)}


def test_a_hint_names_the_checkout_that_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    here = extras.project()
    monkeypatch.chdir(tmp_path)

    assert (here, extras.project()) == (".", os.fspath(ROOT))
