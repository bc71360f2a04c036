"""Configuration files and the first line of stdin, good and bad (BAD-INPUT rows 49, 50 and 53; CONTRACT section 2)."""

import itertools
import json
import os
import re
import resource
from dataclasses import fields
from pathlib import Path

import pytest
from command import ROOT, SECRET, Scan, refusal, scan
from dns_peer import DnsPeer

from scanner.config.config import Config, load
from scanner.config.file import FILE_MAX, FIRST_LINE, NESTED_MAX, ConfigSource, parse
from scanner.config.kinds import FILE, Number
from scanner.config.options import OPTIONS
from scanner.errors import ScanError

RESOLVER = "192.0.2.53"
URL = f"socks5://user:{SECRET}@127.0.0.1:1080"


@pytest.fixture
def run(tmp_path):
    """`run(text, name="cfg.json")`: a dry run with this configuration file, which only its owner reads."""

    def dry(text: str | bytes, *args: object, name: str = "cfg.json", mode: int = 0o600, **environ: str | None) -> Scan:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        path.chmod(mode)
        return scan("--config", path, "--dry-run", *args, **environ)

    return dry


def resolved(done: Scan) -> dict:
    """What a dry run prints that went well, with no secret in it."""
    assert done.code == 0, done.err
    assert SECRET not in done.out.decode() + done.err
    return json.loads(done.out)


# -- what is read ----------------------------------------------------------------------------------

TOML = f"""
resolvers = ["{RESOLVER}"]  # one
proxies = [
  "socks5://a",
  "socks5://b",
]
type = ["NS", "mx"]
workers = 7
strict = true
"""
SAME = {
    "resolvers": [RESOLVER], "proxies": ["socks5://a", "socks5://b"], "type": ["NS", "mx"], "workers": 7,
    "strict": True,
}  # fmt: skip


def test_json_and_toml_say_the_same(run):
    toml, plain = resolved(run(TOML, name="cfg.toml")), resolved(run(json.dumps(SAME)))

    assert toml == plain
    assert plain["resolvers"] == [f"tcp://{RESOLVER}:53"]
    assert (plain["types"], plain["workers"], plain["strict"]) == (["NS", "MX"], 7, True)
    assert plain["timeout_ms"] == 2000


def test_a_suffix_may_be_in_capitals_and_a_table_comes_first_in_toml_only(run):
    assert resolved(run(TOML, name="CFG.TOML"))["workers"] == 7
    assert resolved(run("[confirm]\nrdap = false\n", "-r", RESOLVER, name="cfg"))["workers"] == 16


@pytest.mark.parametrize("text", [TOML, json.dumps(SAME), "\ufeff" + json.dumps(SAME), "\n " + json.dumps(SAME)])
def test_without_a_known_suffix_the_text_tells_what_it_is(run, text):
    assert resolved(run(text, name="cfg"))["workers"] == 7


def test_flags_win_over_the_file(run):
    done = run(json.dumps(SAME), "-r", "192.0.2.1", "--workers", 9, "-t", "A", "--proxy", "socks5://c")

    wins = resolved(done)
    assert (wins["resolvers"], wins["workers"]) == (["tcp://192.0.2.1:53"], 9)
    assert (wins["types"], wins["proxies"]) == (["A"], ["socks5://c:1080"])


def test_every_key_of_the_configuration_is_a_flag():
    flags = set(re.findall(r"--[a-z0-9-]+", scan("--help").out.decode()))

    assert {option.long for option in OPTIONS.values()} <= flags
    assert [key for key, option in OPTIONS.items() if option.place == FILE] == ["resolver", "trusted_resolver"]


@pytest.mark.parametrize(
    ("key", "kind"), [(key, option.kind) for key, option in OPTIONS.items() if isinstance(option.kind, Number)]
)
def test_the_ends_of_every_range_are_good_and_one_beyond_is_not(run, key, kind):
    resolver = "udp://127.0.0.1" if key == "threads" else RESOLVER  # elsewhere one is enough
    for number in (max(kind.least, 1), kind.most):
        assert resolved(run(json.dumps({"resolver": resolver, key: number})))[key] == number
    for number in (kind.least - 1, kind.most + 1):
        refusal(run(json.dumps({"resolver": resolver, key: number})), f"cfg.json: line 1: {key}", f"to {kind.most}")


def test_every_option_of_the_table_is_used():
    used_otherwise = {
        "config",
        "domain",
        "output",
        "force",
        "resume",
        "dry_run",
        "resolver",
        "proxy_file",
        "resolver_file",
        "trusted_resolver",
        "trusted_resolvers",
        "type",
        "class",
    }

    assert OPTIONS.keys() - {field.name for field in fields(Config)} == used_otherwise


def test_the_defaults_depend_on_proxies(run):
    assert resolved(run('{"resolver": "192.0.2.53"}'))["workers"] == 16
    assert resolved(run('{"resolver": "192.0.2.53", "proxies": "socks5://a"}'))["workers"] == 500


# -- what is refused (row 49) ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('"wokrers": 3', ['unknown key "wokrers"', 'did you mean "workers"?']),
        ('"proxy": "socks5://a"', ['unknown key "proxy"', 'did you mean "prox']),
        ('"output": "x"', ['"output" is no key of a file: give --output']),
        ('"dry_run": true', ['"dry_run" is no key of a file: give --dry-run']),
        ('"retries": 2.0', ['retries: "2.0"', "write 2"]),
        ('"timeout_ms": 2e3', ['timeout_ms: "2000.0"', "write 2000"]),
        ('"zzz": 3', ['unknown key "zzz"', "known are", "timeout_ms"]),
        ('"\\u001b[31m": 3', [r'unknown key "\x1b[31m"']),
        ('"' + "k" * 61 + '": 3', ['"' + "k" * 60 + '..."']),
        ('"workers": "many"', ['workers: "many"', "1 to 100000"]),
        ('"workers": true', ["workers", "1 to 100000"]),
        ('"workers": 1.5', ['workers: "1.5"', "1 to 100000"]),
        ('"workers": 1e3', ["workers", "1 to 100000"]),
        ('"workers": "12"', ['workers: "12"', "1 to 100000"]),
        ('"workers": NaN', ["workers", "1 to 100000"]),
        ('"timeout_ms": Infinity', ["timeout_ms", "1 to 600000"]),
        ('"workers": []', ["workers", "1 to 100000"]),
        ('"separator": false', ["separator", '"false" is not one of']),
        ('"separator": []', ["separator", "is not one of auto"]),
        ('"proxy": "socks5://u:p@h"', ['unknown key "proxy"; did you mean "proxies"?']),
        ('"proxy_file": " x"', ['proxy_file: " x": cannot be read']),
        ('"resolver_file": "' + "x" * 300 + '"', ["resolver_file: " + "x" * 60 + "...: cannot be read"]),
        ('"strict": 1', ["strict", "neither true nor false"]),
        ('"strict": "yes"', ['strict: "yes"', "neither true nor false"]),
        ('"type": 1', ["type", "a text or a list of texts"]),
        ('"type": []', ["type", "1 to 32 types"]),
        ('"type": "\\ud800"', ["type", r"\ud800", "NS"]),
        ('"fields": ["n", 1]', ["fields", "a text or a list of texts"]),
        ('"fields": "n,x"', ['fields: "x"', "n, why, t, a"]),
        ('"proxies": {"a": 1}', ["proxies", "a text or a list of texts"]),
        ('"proxies": ["socks5://u\\ud800:p@h"]', ["proxies", "must be UTF-8"]),
        ('"proxy_file": 1', ["proxy_file", "a path"]),
        ('"resolvers": ["192.0.2.1"]', ["resolver and resolvers", "one of them"]),
    ],
)
def test_a_wrong_key_or_value_is_refused_with_file_and_line(run, line, words):
    done = run('{"resolver": "192.0.2.53",\n\n ' + line + "}")

    line_of_error = refusal(done, *words)
    assert "cfg.json: line 3: " in line_of_error or "\\u001b" in line or '"resolvers"' in line


@pytest.mark.parametrize("name", ["a\\u0000b", "a\\ud800b", ""])
def test_a_proxy_file_that_cannot_be_is_refused(run, name):
    refusal(run('{"resolver": "192.0.2.53", "proxy_file": "' + name + '"}'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"workers": 3,\n "workers": 4}', ['line 1: key "workers" stands twice']),
        ('{"workers": 3,\n}', ["line 2", "not JSON", "column 1"]),
        ('{"workers": 3}\n{"workers": 3}', ["line 2", "not JSON"]),
        ("{", ["line 1", "not JSON"]),
        ("", ["line 1", "not JSON"]),
        ("null", ["line 1", "one table", "resolvers"]),
        ("[1]", ["line 1", "one table"]),
        ('"x"', ["line 1", "one table"]),
        ('{"workers": 1' + "0" * 5000 + "}", ["too large"]),
        ("{'workers': 3}", ["line 1", "not JSON"]),
        ('{"workers": "\x01"}', ["line 1", "not JSON"]),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(run, text, words):
    refusal(run(text, "-r", RESOLVER), "cfg.json: ", *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("workers = 3\nworkers = 4", ["line 2"]),
        ("workers =", ["line 1"]),
        ("\nworkers", ["line 2", "not TOML"]),
        ("workers = 3\n\nx = \x01", ["line 3"]),
        ("\nwokrers = 3", ["line 2", 'unknown key "wokrers"', '"workers"']),
        ("[workers]\na = 1", ["line 1", "workers", "1 to 100000"]),
        ("workers = 2020-01-01", ["workers", "1 to 100000"]),
        ("workers = 1" + "0" * 5000, ["too large"]),
    ],
)
def test_what_is_no_good_toml_is_refused_with_its_place(run, text, words):
    refusal(run(text, "-r", RESOLVER, name="cfg.toml"), "cfg.toml: ", *words)


@pytest.mark.parametrize("octets", [b'{"workers": "\xff"}', json.dumps(SAME).encode("utf-16"), b"\x1f\x8b\x08\x00"])
def test_a_file_that_is_not_utf8_is_refused(run, octets):
    refusal(run(octets), "cfg.json: not UTF-8 at octet ")


def test_a_file_may_have_1_mb_and_not_an_octet_more(run):
    text = '{"resolver": "192.0.2.53"}'

    assert resolved(run(text.ljust(FILE_MAX)))
    refusal(run(text.ljust(FILE_MAX + 1)), "cfg.json: larger than 1 MB")


def test_a_file_of_1_gb_is_refused_unread(run, tmp_path):
    huge = tmp_path / "huge.json"
    huge.touch()
    os.truncate(huge, 1 << 30)

    refusal(scan("--config", huge, limit_s=5), "huge.json: larger than 1 MB")
    refusal(scan("-r", RESOLVER, "--proxy-file", huge, limit_s=5), "huge.json: larger than 1 MB")


def missing(path: Path) -> None:
    """Nothing is there."""


def loop(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (os.mkfifo, "not a regular file"),
        (os.mkdir, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (loop, "symbolic links"),
        (missing, "No such file"),
        (lambda path: path.symlink_to(path.parent / "nowhere"), "No such file"),
    ],
    ids=["fifo", "directory", "device", "symlink loop", "missing", "dangling symlink"],
)
@pytest.mark.parametrize("flag", ["--config", "--proxy-file"])
def test_what_is_no_readable_file_is_refused_at_once(tmp_path, make, words, flag):
    path = tmp_path / "odd"
    make(path)

    refusal(scan("-r", RESOLVER, flag, path, limit_s=5), f"{path}: ", words)


@pytest.mark.parametrize(
    ("mode", "text", "is_warned"),
    [
        (0o644, json.dumps({"resolver": RESOLVER, "proxies": URL}), True),
        (0o604, json.dumps({"resolver": RESOLVER, "proxies": URL}), True),
        (0o640, json.dumps({"resolver": RESOLVER, "proxies": URL}), False),
        (0o644, json.dumps({"resolver": RESOLVER, "proxies": "socks5://user:${PW}@127.0.0.1"}), False),
        (0o644, json.dumps({"resolver": RESOLVER, "proxies": "socks5://127.0.0.1"}), False),
    ],
)
def test_a_password_that_everybody_can_read_is_warned_of(run, mode, text, is_warned):
    done = run(text, mode=mode, PW=SECRET)

    resolved(done)
    assert ("cfg.json holds a password" in done.err) is is_warned
    assert "chmod 600" in done.err or not is_warned
    assert len(done.err.splitlines()) == is_warned


@pytest.mark.parametrize("line", [URL, f"127.0.0.1:1080:user:{SECRET}"])
def test_a_password_in_a_proxy_file_that_everybody_can_read_is_warned_of(tmp_path, line):
    path = tmp_path / "proxies.txt"
    path.write_text(f"# one\n{line}\n")
    path.chmod(0o644)

    done = scan("-r", "127.0.0.1", "--proxy-file", path, "--dry-run")

    resolved(done)
    assert done.err.startswith(f"dnsscan: {path} holds a password")


# -- nesting (row 50) ------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "text"), [
    ("cfg.json", "[" * 100_000),
    ("cfg.json", "[" * 100_000 + "]" * 100_000),
    ("cfg.json", '{"a":' * 100_000),
    ("cfg.toml", "a = " + "[" * 100_000),
    ("cfg.toml", "a = " + "{a = " * 100_000),
    ("cfg.toml", "[" * 100_000),
])  # fmt: skip
def test_100_000_nested_brackets_are_refused(run, name, text):
    refusal(run(text, name=name), f"{name}: nested too deep")


@pytest.mark.parametrize("depth", [NESTED_MAX, NESTED_MAX + 1])
def test_nesting_is_refused_whatever_the_key(depth):
    text = ConfigSource("cfg.json", '{"type": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}")

    if depth > NESTED_MAX:
        with pytest.raises(ScanError, match="nested too deep"):
            parse(text)
    else:
        assert parse(text)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "]" * 5000, '\\"[' * 2000, "{'[" * 2000], ids=["open", "closed", "quoted", "mixed"]
)
@pytest.mark.parametrize(
    "form", ['{"resolver": "192.0.2.53", "proxies": "%s"}', 'proxies = "%s" # [[[[[[[[[[[[[[[[[[[[[[[[[']
)
def test_brackets_in_a_text_or_a_comment_are_no_nesting(run, form, text):
    refusal(run(form % text, "-r", RESOLVER, name="cfg"), "cfg: line 1: proxies: ")


@pytest.mark.parametrize(
    "text",
    [
        "workers = " + '"]"' + "\n]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n" + "x = " + "[" * 900,
        "a." * 20 + "a.a = 1",
        ".".join(["a"] * 500_000) + " = 1",
        ".".join(['"a"'] * 200_000) + " = 1",
        "workers = {" + "a . " * 1000 + "a = 1}",
        "[" + "workers." * 1000 + "a]",
    ],
    ids=["closed first", "21 dots", "a megabyte", "quoted", "inline", "header"],
)
def test_a_toml_table_deep_in_others_is_refused_at_once(run, text):
    refusal(run(text, name="cfg.toml"), "cfg.toml: nested too deep")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("workers = 0x" + "f" * 100_000, "1 to 100000"),
        ("strict = 0x" + "f" * 100_000, "neither true nor false"),
        ("policy = 0b" + "1" * 100_000, "random"),
        ("port_range = 0o" + "7" * 100_000, "MIN-MAX"),
        ("proxy_file = 0x" + "f" * 100_000, "a path"),
        ("type = 0x" + "f" * 100_000, "a text or a list"),
        ("confirm = 0x" + "f" * 100_000, "must be a table"),
    ],
)
def test_a_number_of_100_000_digits_is_refused_in_one_line(run, text, words):
    refusal(run(text, "-r", RESOLVER, name="cfg.toml"), "cfg.toml: line 1: ", words)


@pytest.mark.parametrize(
    "table",
    [
        json.dumps({"zzz": "://a:" * 200_000}),
        json.dumps({"://a:" * 200_000: 1}),
        json.dumps({"workers": ":/:" * 300_000}),
        json.dumps({"zzz": "://" + "a:" * 400_000}),
        json.dumps({"zzz": '\\"' * 200_000}),
        '{"zzz": ' + '\\"' * 400_000,
        json.dumps({f"k{number}": 1 for number in range(50_000)})[:-1] + ', "k49999": 1}',
    ],
    ids=["urls", "a key of urls", "slashes", "colons", "quotes", "no end", "a key twice"],
)
def test_a_megabyte_of_nonsense_is_refused_at_once(tmp_path, table):
    path = tmp_path / "cfg.json"
    path.write_text(table)
    path.chmod(0o644)  # so that it is searched for a password too

    begun = children_s()
    refusal(scan("--config", path, "--dry-run"), "cfg.json: ")
    assert children_s() - begun < 5


def children_s() -> float:
    """CPU time of the processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("key", ["resolver", "type", "fields", "bind", "policy", "port_range"])
def test_a_nul_in_a_text_is_refused(run, key):
    refusal(run(json.dumps({"resolver": RESOLVER} | {key: "a\0b"})), f"cfg.json: line 1: {key}: ", r"a\x00b")


@pytest.mark.parametrize("zone", ["a\0b", "\ud800", "", "a b"])
def test_an_interface_that_cannot_be_is_refused_before_a_socket_is_bound_to_it(run, zone):
    config = {"resolver": "udp://[::1]:53", "bind": f"fe80::1%{zone}"}

    refusal(run(json.dumps(config)), "cfg.json: line 1: bind: ", "is not an IP address of this machine")


# -- variables (row 53) ----------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["flag", "file", "config"])
def test_a_variable_is_filled_in_wherever_a_proxy_stands(run, tmp_path, form):
    url = "socks5://user:${DNSSCAN_PW}@127.0.0.1:1080"
    path = tmp_path / "proxies.txt"
    path.write_text(url)
    args = {"flag": ("--proxy", url), "file": ("--proxy-file", path), "config": ()}[form]
    config = {"resolver": "127.0.0.1"} | ({"proxies": [url]} if form == "config" else {})

    assert resolved(run(json.dumps(config), *args, DNSSCAN_PW=SECRET))["proxies"] == [
        "socks5://user:***@127.0.0.1:1080"
    ]


def test_a_whole_proxy_may_stand_in_a_variable(run):
    done = run('{"resolver": "127.0.0.1", "proxies": ["${DNSSCAN_PROXY}"]}', DNSSCAN_PROXY=URL)

    assert resolved(done)["proxies"] == ["socks5://user:***@127.0.0.1:1080"]


@pytest.mark.parametrize(("value", "what"), [(None, "is not set"), ("", "is empty")])
def test_a_variable_that_is_not_there_is_named(run, value, what):
    url = f"socks5://{SECRET}:" + "${DNSSCAN_PW}@h"

    done = run('{"resolver": "127.0.0.1",\n"proxies": ["' + url + '"]}', DNSSCAN_PW=value)

    refusal(done, f"cfg.json: line 2: proxies: environment variable DNSSCAN_PW {what}")


@pytest.mark.parametrize("value", [SECRET + "/", "x/" + SECRET + "?", SECRET * 50, SECRET + "\udcff"])
def test_a_variables_value_is_not_shown_when_it_is_wrong(run, value):
    done = run('{"resolver": "127.0.0.1", "proxies": ["socks5://u:${DNSSCAN_PW}@h"]}', DNSSCAN_PW=value)

    refusal(done, "proxies: ")


# -- the first line of stdin -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"", "not JSON"),
        (b"\n", "not JSON"),
        (b"a.example\n", "not JSON"),
        (b"workers = 3\n", "not JSON"),
        (b'{"resolver": "192.0.2.53",\n "workers": 2}\n', "not JSON"),
        (b'{"wokrers": 2}\n', 'did you mean "workers"?'),
        (b'{"resolver": "\xff"}\n', "not UTF-8"),
        (b"[" * 100_000 + b"\n", "nested too deep"),
        (b'{"resolver": "192.0.2.53"}' + b" " * FILE_MAX + b"\n", "longer than 1 MB"),
    ],
)
def test_a_first_line_that_is_no_configuration_is_refused(line, words):
    refusal(scan("--config", "-", "--dry-run", names=line + b"a.example\n"), FIRST_LINE, words)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_the_first_line_is_read_and_not_an_octet_more(end):
    assert resolved(scan("--config", "-", "--dry-run", names=b'\xef\xbb\xbf{"resolver": "192.0.2.53"}' + end))


def test_names_may_come_from_files_with_the_configuration_on_stdin(tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("a.example\n")

    with DnsPeer() as peer:
        done = scan("--config", "-", names, names=json.dumps({"resolver": peer.address}) + "\nnot.example\n")

    assert done.code == 0, done.err
    assert done.row["d"] == "a.example"


# -- dry run ---------------------------------------------------------------------------------------


def test_a_dry_run_sends_nothing_reads_no_names_and_hides_secrets(run, tmp_path):
    with DnsPeer() as resolver, DnsPeer() as proxy:
        config = {"resolver": resolver.address, "proxies": f"socks5://user:{SECRET}@{proxy.address}"}

        shown = resolved(run(json.dumps(config), "--output", tmp_path / "out", "no-such-file"))

        assert (resolver.connections, proxy.connections) == (0, 0)
    assert shown["proxies"] == [f"socks5://user:***@{proxy.address}"]
    assert not (tmp_path / "out").exists()


def test_the_configurations_of_readme_and_reference_are_good(run):
    pages = (ROOT / "README.md", ROOT / "docs" / "reference" / "config.md")
    blocks = [re.findall(r"```json\n(\{\n.*?\n\})\n```", page.read_text(), re.DOTALL) for page in pages]

    assert all(blocks)
    for block in itertools.chain(*blocks):
        resolved(run(block, PROXY_PASSWORD=SECRET))


# -- the pieces ------------------------------------------------------------------------------------


def test_a_loaded_configuration_never_has_a_password_in_its_repr():
    config = load(None, json.dumps({"resolver": RESOLVER, "proxies": [URL]}), {}, {})

    assert config.proxies[0].password == SECRET
    assert SECRET not in repr(config)
