"""The documentation: every command in it runs, the site is built and asks nobody for anything, the manual can be read.

Each block of `sh` in the README, in docs/ and in wordlists/ runs in a folder of its own, with bash -e, against a lab.
In it stand cfg.json and lab.json (the lab's configuration), domains.txt, names.txt, results.jsonl, confirmed.jsonl,
beat.json, addresses.txt and resolvers.txt (the lab's resolver, without and with udp://), wordlists/ and scripts/.
192.0.2.53 is the lab's resolver, and SWAPS shortens what takes long. A block that cannot run has the line
`<!-- not run: REASON -->` above it, and its first line stands in NOT_RUN. A line that ends with `# NUMBER` prints that.
Where a table has a column `dnsscan`, what stands in it as code is run too.
"""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from textwrap import dedent

import click
import pytest
from fork_server import begin
from servers import program

from scanner.cli import main
from scanner.config.config import from_table

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "wordlists" / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
BLOCK = re.compile(r"^(?: *<!-- not run: (?P<why>[^>]+) -->\n)?(?P<indent> *)```sh\n(?P<text>.*?)^(?P=indent)```$",
                   re.MULTILINE | re.DOTALL)  # fmt: skip
SAYS = re.compile(r"^dnsscan .*\s# (\d+)$", re.MULTILINE)
LIMIT_S = 60
NOT_RUN = {
    "git clone … && cd dnsscan": "installs; scripts/newcomer runs it",
    "dnsscan -r tls://192.0.2.53#dns.example.net -t MX domains.txt": "the lab speaks no TLS",
    "dnsscan cluster s3://bucket/names.txt -o s3://bucket/run --config cfg.json --scheduler tcp://10.0.0.1:8786":
        "it needs an object store and machines",
    "dnsscan cluster --names '[a-z]{5}.com' -o parts --config cfg.json    # candidates, no file at all":
        "12 million names",
    "pip install paramiko": "it needs machines with ssh",
    "dnsscan cluster /shared/names.txt -o /shared/run --config cfg.json --scheduler tcp://10.0.0.1:8786":
        "the same machines",
    "helm install --repo https://helm.dask.org --create-namespace -n dask-operator --generate-name "
    "dask-kubernetes-operator": "it needs a Kubernetes cluster",
    "for n in $(seq 1 50); do": "it needs machines with ssh",
    "dnsscan resolvers --good resolvers.txt > good.txt": "the lab has names of com that nobody else has",
    "useradd --system --home-dir /srv/dnsscan dnsscan": "needs root and systemd",
}  # fmt: skip
ELSEWHERE = {"dnsscan names '[a-z]{2}[0-9].com' > names.txt": "test_batch.py"}  # with more to say of its results
SWAPS = {  # for the time that they take
    "'[a-z]{4}.com' |": "'[a-z]{2}.com' |",
    "'[a-z]{3}.com'": "'[a-z]{2}.com'",
    "'[a-z]{6}.com'": "'[a-z]{3}.com'",
    "report --demo": "report --demo --seconds 2",
    "wordlists/demo.txt": "domains.txt",  # some of its names are never answered
}
SHIM = """#!/bin/bash
# the real command; where the system's resolver or the real registries would be asked, the lab's
case "$1 $*" in
  lab* | names* | convert* | report* | resolvers* | *--config* | *-r\\ *) ;;
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
            yield f"{page.relative_to(ROOT)}:{line}", dedent(found["text"]), found["why"]


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
    (folder / "addresses.txt").write_text(f"{registries.config['resolvers'][0]}\n")
    (folder / "resolvers.txt").write_text(f"udp://{registries.config['resolvers'][0]}\n")
    (folder / "names.txt").write_text("".join(f"n{number}.test\n" for number in range(600)))
    for name in ("wordlists", "scripts"):
        (folder / name).symlink_to(ROOT / name)
    run("dnsscan --config cfg.json --fields n,ns,p,ts --heartbeat beat.json domains.txt > results.jsonl", folder)
    run("dnsscan confirm results.jsonl > confirmed.jsonl", folder)
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
    for made in re.findall(r"(?:> |--output )(lab.json|results.jsonl|confirmed.jsonl)", block):
        (folder / made).unlink(missing_ok=True)
    for old, new in {**SWAPS, "192.0.2.53": registries.config["resolvers"][0]}.items():
        block = block.replace(old, new)

    code, out, err = run(block, folder)

    assert code == 0, err
    assert "Traceback" not in err
    assert [line for line in SAYS.findall(block) if line not in out.splitlines()] == []


def in_rows() -> Iterator[list[str]]:
    """Of each row of the tables with a column `dnsscan`, that cell and those behind it."""
    for page in PAGES:
        column = None
        for line in page.read_text().splitlines():
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)] if line.startswith("|") else []
            if column is None and "dnsscan" in cells:
                column = cells.index("dnsscan")
            elif not cells:
                column = None
            elif column is not None:
                yield cells[column:]


def in_tables() -> Iterator[str]:
    """What stands as code in the columns `dnsscan` of tables, each once: options, or a whole command."""
    yield from dict.fromkeys(shown for cells in in_rows() for shown in re.findall(r"^`([^`]+)`", cells[0]))


def whole(shown: str) -> list[str]:
    """The arguments that are shown; where they are options of a scan, with names and a resolver."""
    words = shlex.split(shown)
    if words[0] == "dnsscan":
        return words[1:]
    resolver = [] if "-r" in words else ["-r", "resolvers.txt"]
    return [*words, *resolver, *(() if "domains.txt" in words else ("domains.txt",))]


def test_what_the_tables_show_of_the_command_line_runs(stage, registries):
    failed = {}
    shown = list(in_tables())
    for text in shown:
        (stage / "found.jsonl").unlink(missing_ok=True)
        words = whole(text.replace("192.0.2.53", registries.config["resolvers"][0]))
        with begin(
            words, cwd=stage, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as run:
            _, err = run.communicate(timeout=LIMIT_S)
        if run.returncode:
            failed[text] = err.decode()

    assert failed == {}
    assert len(shown) > 40


def test_each_flag_that_the_tables_name_is_one_of_ours():
    """In what is run too: there a flag may stand behind a command that ignores it."""
    context = click.Context(main.entry)
    programs = [main.scan_command, *(main.entry.get_command(context, name) for name in main.PROGRAMS)]
    ours = {flag for program in programs for param in program.params for flag in param.opts}
    named = [flag for cells in in_rows() for code in re.findall(r"`([^`]+)`", " ".join(cells))
             for flag in re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", code)]  # fmt: skip

    assert [flag for flag in named if flag not in ours] == []
    assert len(named) > 60


def in_prose() -> Iterator[str]:
    """Each command of ours that stands as code in a sentence, not in a block."""
    for page in PAGES:
        text = re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        yield from re.findall(r"`dnsscan ([^`]+)`", text)


def test_each_flag_of_a_command_in_a_sentence_is_one_of_its_program():
    """Such a command is a part of one that is run elsewhere, or has a place to fill in: it is not run by itself."""
    context = click.Context(main.entry)
    wrong, count = [], 0
    for text in in_prose():
        words = text.split()
        at = next((at for at, word in enumerate(words) if word in main.PROGRAMS), None)
        program = main.scan_command if at != 0 else main.entry.get_command(context, words[0])
        ours = {flag for param in program.params for flag in param.opts} | {"--help", "--version"}
        own = words[: words.index("--")] if "--" in words else words
        wrong += [text for word in own for flag in re.findall(r"^--?[a-z][a-z0-9-]*", word)
                  if flag not in ours and not any(word in main.PROGRAMS for word in words[1:])]  # fmt: skip
        count += 1

    assert wrong == []
    assert count > 20


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


def test_the_tables_of_the_pages_are_those_that_the_code_makes():
    made = subprocess.run(
        [sys.executable, "-c", "import sys, tables; sys.exit(tables.old())"],
        cwd=ROOT / "docs", capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (made.returncode, made.stderr) == (0, ""), "bring them up to date: python docs/tables.py"


def test_the_site_is_searched_from_disk(site, tmp_path):
    """What a browser shows of a page that it opens from disk, with a search in its address."""
    command = [program("chromium"), "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=9000",
               f"--user-data-dir={tmp_path}", "--dump-dom", f"file://{site}/how-to/udp.html?q=socks"]  # fmt: skip
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_S).stdout

    assert re.search(r"[1-9]\d* matching document", shown)


# -- how it is told --------------------------------------------------------------------------------------------------


def test_the_readme_is_read_in_minutes_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\(([^)#]+)", text)

    assert text.count("\n") <= 200
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert len(links) > 20


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/how-to/*.md")), ids=lambda page: page.stem)
def test_a_how_to_begins_with_the_finished_command(page):
    assert re.match(r"# .+\n\n```(sh|python|)\n", page.read_text())


def test_the_pages_of_the_manual_are_read_without_a_warning():
    pages = sorted((ROOT / "man").iterdir())
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
    assert "ttl the least TTL of these, in seconds; null where there is none (--fields)" in said["dnsscan.1"]
    assert "cname_nx " in said["dnsscan.1"].partition("REASONS")[2]
    assert "reg the registrable name that was asked about" in said["dnsscan-confirm.1"]
    assert "dnsscan names '[a-z]{4}.com' | dnsscan --config cfg.json > results.jsonl" in said["dnsscan-names.1"]
