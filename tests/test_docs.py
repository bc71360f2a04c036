"""The documentation: every command in it runs, the site is built and asks nobody for anything, the manual can be read.

Each block of `sh` in the README, in docs/ and in wordlists/ runs in a folder of its own, with bash -e, against a lab.
In it stand cfg.json and lab.json (the lab's configuration), domains.txt, names.txt, results.jsonl, beat.json,
wordlists/ and scripts/. 192.0.2.53 is the lab's resolver, and SWAPS shortens what takes long. A block that cannot run
has the line `<!-- not run: REASON -->` above it, and its first line stands in NOT_RUN. A line that ends with `# NUMBER`
prints that.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from scanner.config.config import from_table

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "wordlists" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^(?:<!-- not run: (?P<why>[^>]+) -->\n)?```sh\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
SAYS = re.compile(r"^dnsscan .*\s# (\d+)$", re.MULTILINE)
LIMIT_S = 60
NOT_RUN = {
    "git clone … && cd dnsscan": "installs",
    "make demo": "installs",
    "dnsscan -r tls://192.0.2.53#dns.example.net -t MX domains.txt": "the lab speaks no TLS",
    "useradd --system --home-dir /srv/dnsscan dnsscan": "needs root and systemd",
}
ELSEWHERE = {"dnsscan names '[a-z]{2}[0-9].com' > names.txt": "test_batch.py"}  # with more to say of its results
SWAPS = {  # for the time that they take
    "'[a-z]{4}.com' |": "'[a-z]{2}.com' |",
    "wordlists/demo.txt": "domains.txt",  # some of its names are never answered
}
SHIM = """#!/bin/bash
# the real command; where the system's resolver or the real registries would be asked, the lab's
case "$1 $*" in
  lab* | names* | convert* | report* | *--config* | *-r\\ *) ;;
  confirm*) shift; set -- confirm --config cfg.json "$@" ;;
  *) set -- --config cfg.json "$@" ;;
esac
exec {python} -m scanner "$@"
"""
TROUBLES = ("nodata", "nxdomain", "servfail", "cname-nx")


def blocks() -> Iterator[tuple[str, str, str | None]]:
    """Where a block stands, its text, and why it is not run."""
    for page in PAGES:
        text = page.read_text()
        for found in BLOCK.finditer(text):
            line = text.count("\n", 0, found.start("text")) + 1
            yield f"{page.relative_to(ROOT)}:{line}", found["text"], found["why"]


def first_line(block: str) -> str:
    return block.partition("\n")[0]


RUN = [(place, text) for place, text, why in blocks() if not why and first_line(text) not in ELSEWHERE]


@pytest.fixture(scope="session")
def stage(registries, tmp_path_factory) -> Path:
    """The folder that each block gets a copy of."""
    folder = tmp_path_factory.mktemp("stage")
    (folder / "bin").mkdir()
    (folder / "bin" / "dnsscan").write_text(SHIM.replace("{python}", sys.executable))
    (folder / "bin" / "pip").write_text("#!/bin/sh\n")  # the extras are here
    (folder / "bin" / "python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for command in ("dnsscan", "pip", "python"):
        (folder / "bin" / command).chmod(0o755)
    config = json.dumps({**registries.config, "workers": 8})
    for name in ("cfg.json", "lab.json"):
        (folder / name).write_text(config)
    names = [f"{trouble}.n{number}.lab.test" for trouble in TROUBLES for number in range(10)]
    (folder / "domains.txt").write_text("\n".join([*names, "two words"]) + "\n")
    (folder / "names.txt").write_text("".join(f"n{number}.test\n" for number in range(600)))
    for name in ("wordlists", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    run("dnsscan --config cfg.json --fields n,ns,p,ts --heartbeat beat.json domains.txt > results.jsonl", folder)
    return folder


def run(script: str, folder: Path) -> tuple[int, str, str]:
    """Exit code, stdout and stderr; what it has started in the background is ended."""
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    with (
        (folder / "out").open("wb") as out,  # files: what runs in the background would keep pipes open
        (folder / "err").open("wb") as err,
        subprocess.Popen(["bash", "-euc", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                         stdout=out, stderr=err, start_new_session=True) as process,
    ):  # fmt: skip
        try:
            code = process.wait(LIMIT_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return code, (folder / "out").read_text(), (folder / "err").read_text()


@pytest.mark.parametrize(("place", "block"), RUN, ids=[place for place, _ in RUN])
def test_a_block_of_commands_runs(place, block, stage, registries, tmp_path):
    folder = tmp_path / "here"
    shutil.copytree(stage, folder, symlinks=True)
    for made in re.findall(r"(?:> |--output )(lab.json|results.jsonl)", block):
        (folder / made).unlink(missing_ok=True)
    for old, new in {**SWAPS, "192.0.2.53": registries.config["resolvers"][0]}.items():
        block = block.replace(old, new)

    code, out, err = run(block, folder)

    assert code == 0, err
    assert "Traceback" not in err
    assert [line for line in SAYS.findall(block) if line not in out.splitlines()] == []


def test_what_is_not_run_is_known():
    assert {first_line(text): why for _, text, why in blocks() if why} == NOT_RUN
    assert ELSEWHERE.keys() <= {first_line(text) for _, text, _ in blocks()}
    assert all(any(old in text for _, text in RUN) for old in SWAPS)


def test_the_configurations_of_the_docs_are_good(monkeypatch):
    monkeypatch.setenv("PROXY_PASSWORD", "secret")
    found = [text for page in PAGES for text in re.findall(r"```json\n(\{\n.*?\n\})\n```", page.read_text(), re.DOTALL)]

    for text in found:
        from_table(json.loads(text), os.environ)
    assert len(found) > 1


# -- what is built -------------------------------------------------------------------------------------------------


class Fetches(HTMLParser):
    """What a page makes its reader's browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = ("src", "srcset", "data", "poster", *(("href",) if tag in ("link", "use", "image") else ()))
        self.found += [value or "" for name, value in attrs if name in names and dict(attrs).get("rel") != "canonical"]


@pytest.fixture(scope="session")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": ""},
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def test_the_site_fetches_nothing_from_elsewhere(site):
    pages = sorted(site.glob("**/*.html"))
    for page in pages:
        fetches = Fetches()
        fetches.feed(page.read_text())
        local = [url.partition("?")[0].partition("#")[0] for url in fetches.found if not url.startswith("data:")]

        assert [url for url in local if "//" in url or not (page.parent / url.lstrip("/")).resolve().exists()] == [], (
            page
        )
    for sheet in site.glob("**/*.css"):
        assert re.findall(r"url\(['\"]?(?:https?:)?//|@import", sheet.read_text()) == [], sheet
    assert len(pages) > 15


def test_the_reference_tells_what_the_code_knows(site):
    from scanner import model
    from scanner.cli.main import PROGRAMS
    from scanner.config.options import KEYS

    text = {page: (site / "reference" / f"{page}.html").read_text() for page in ("config", "results", "commands")}

    assert [key for key in KEYS if f"<code>{key}</code>" not in text["config"]] == []
    assert [reason for reason in model.REASONS[1:] if reason not in text["results"]] == []
    assert [key for key in model.FIELDS if f"<code>{key}</code>" not in text["results"]] == []
    assert [name for name in PROGRAMS if f"dnsscan {name}" not in text["commands"]] == []
    left = re.compile(r"&lt;!-- |<!-- (README|CONTRIBUTING|code):")
    assert not [page for page in site.glob("**/*.html") if left.search(page.read_text())]


def test_the_readme_has_the_table_of_options_that_the_code_makes():
    made = subprocess.run(
        [sys.executable, "-c", "import hooks; print(hooks.readme(), end='')"],
        cwd=ROOT / "docs", capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert made.stdout == (ROOT / "README.md").read_text(), "bring it up to date: python docs/hooks.py"


def test_the_pages_of_the_manual_are_read_without_a_warning(tmp_path):
    subprocess.run([sys.executable, ROOT / "docs" / "manpage.py", tmp_path], check=True)
    pages = sorted(tmp_path.iterdir())
    said = {}
    for page in pages:
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww", "-P-cbou", page], capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        said[page.name] = re.sub(r"\s+", " ", done.stdout)

    assert set(said) >= {"dnsscan.1", "dnsscan-confirm.1", "dnsscan-lab.1", "dnsscan-names.1"}
    assert "--timeout-ms N One attempt [2000]." in said["dnsscan.1"]
    assert "141 the reader of stdout went away" in said["dnsscan.1"]
    assert "dnsscan names '[a-z]{4}.com' | dnsscan --config cfg.json > results.jsonl" in said["dnsscan-names.1"]
