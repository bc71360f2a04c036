"""What an installation brings, read from pyproject.toml (`scripts/wheel` builds it and tries it elsewhere); the
container, and the example of a configuration."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from command import SECRET, scan

import scanner
from scanner import extras
from scanner.config.options import KEYS
from scanner.registration import options as confirm
from scanner.registration import settings

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SETUPTOOLS = PROJECT["tool"]["setuptools"]
EXAMPLE = ROOT / "examples" / "dnsscan.toml"
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
        assert place.removeprefix("share/") in (ROOT / "scripts" / "wheel-smoke").read_text()


def test_what_the_library_has_is_shown_by_dir():
    assert {*scanner.__all__} <= {*dir(scanner)}
    assert {"scan", "scan_all", "Result"} <= {*dir(scanner)}


def test_a_hint_names_the_checkout_that_it_comes_from(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    here = extras.place("report")
    monkeypatch.chdir(tmp_path)

    assert (here, extras.place("report")) == ("'.[report]'", f"'{ROOT}[report]'")


# -- the example ---------------------------------------------------------------------------------------------------


def test_the_example_is_a_good_configuration_of_the_scan_and_of_confirm():
    done = scan("--config", EXAMPLE, "--dry-run", PROXY_PASSWORD=SECRET)
    chosen = settings.load(EXAMPLE, {}, {"PROXY_PASSWORD": SECRET})

    assert done.code == 0, done.err
    assert SECRET not in done.out.decode() + done.err
    assert [proxy.rpartition("@")[2] for proxy in json.loads(done.out)["proxies"]] == [
        "203.0.113.7:1080", "203.0.113.8:1080", "http://203.0.113.9:3128",
    ]  # fmt: skip
    assert (chosen.registry_rate, chosen.lookups) == (1, 8)


def test_what_the_example_leaves_out_is_written_as_it_may_stand_there():
    scan_part, _, confirm_part = EXAMPLE.read_text().partition("[confirm]")

    for part, keys in ((scan_part, KEYS), (confirm_part, confirm.KEYS)):
        left_out = tomllib.loads("\n".join(re.findall(r"^# (\w+ = .*)", part, re.MULTILINE)))
        assert left_out
        assert left_out.keys() <= {*keys}


# -- the container -------------------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """Of the Dockerfile: each one's word, and the rest."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    return [(line.split()[0], line.partition(" ")[2]) for line in text.splitlines() if line and line[0] != "#"]


def test_the_container_is_made_in_two_stages_of_one_python_that_will_do():
    stages = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    python = re.match(r"python:(\d+)\.(\d+)-slim-", stages[0])

    assert len(stages) == 2
    assert len(set(stages)) == 1  # an environment moves to the same Python only
    assert tuple(map(int, python.groups())) >= tuple(
        map(int, re.findall(r"\d+", PROJECT["project"]["requires-python"]))
    )


def test_the_container_runs_the_command_and_not_as_root():
    last = dict(instructions())

    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", last["USER"])
    assert json.loads(last["ENTRYPOINT"])[0] in PROJECT["project"]["scripts"]


def test_the_container_is_given_all_that_an_installation_needs_and_nothing_built_elsewhere():
    copied = {name for word, rest in instructions() if word == "COPY" and not rest.startswith("--from")
              for name in rest.split()[:-1]}  # fmt: skip
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    needed = {"pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]}
    needed |= {path.partition("/")[0] for paths in SETUPTOOLS["data-files"].values() for path in paths}
    needed |= {folder_of(package).relative_to(ROOT).parts[0] for package in SETUPTOOLS["packages"]}

    assert copied == needed
    assert {line[1:] for line in kept if line.startswith("!")} == copied
    assert {"*", "scanner/**/*.so", "scanner/**/*.c"} <= {*kept}


@pytest.mark.timeout(900)
def test_the_container_is_built_and_runs_where_docker_is():
    if shutil.which("docker") is None or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no docker runs here: the Dockerfile is read and linted only")
    built = subprocess.run(["docker", "build", "--quiet", "."], cwd=ROOT, capture_output=True, text=True, check=True)
    command = ["docker", "run", "--rm", built.stdout.strip()]

    counted = subprocess.run([*command, "names", "{@builtin:hosts}", "--count"], capture_output=True, check=True)
    user = subprocess.run([*command[:3], "--entrypoint", "id", command[3], "-u"], capture_output=True, check=True)

    assert (counted.stdout, user.stdout) == (b"157\n", b"10001\n")
