"""Input without a name in its first lines: one hint says what it looks like and what to give, and that works."""

import re
import subprocess

import pytest
from command import Scan, scan
from dns_peer import DnsPeer


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


def hints(done: Scan) -> list[str]:
    assert done.code == 0, done.err
    return re.findall(r"^dnsscan: no name in (.*)$", done.err, re.MULTILINE)


LOOKS = [  # lines of some input, what the hint calls them, the names that they hold
    ("1,a.example\n2,b.example\n", "columns", "a.example b.example"),
    ("rank,domain\n1,a.example\n", "columns", "a.example"),
    ('"Rank","Domain"\n"1","a.example"\n', "columns", "a.example"),
    ("1;x;a.example\n", "columns", "a.example"),
    ("a.example\tsomething\n", "columns", "a.example"),
    ("a.example A\nb.example MX\n", "columns", "a.example b.example"),
    ("0.0.0.0  a.example\n", "columns", "a.example"),
    ("a.example. 3600 IN NS ns.example.\n", "columns", "a.example."),
    ("https://a.example/x\nftp://me:pw@b.example:21/\n", "URL", "a.example b.example"),
    ("me@a.example\n", "mail", "a.example"),
    ("a.example:443\n", "HOST:PORT", "a.example"),
    ("*.a.example\n", "wildcard", "a.example"),
    ('{"d":"a.example","s":"taken","r":0,"ms":1,"re":true}\n', "JSON", "a.example"),
]


@pytest.mark.parametrize(("text", "looks", "names"), LOOKS)
def test_the_hint_says_what_it_is_and_what_it_says_to_give_has_the_names_asked(resolver, tmp_path, text, looks, names):
    (tmp_path / "FILE").write_text(text)

    hint = hints(scan("-r", resolver.address, names=text))
    if flags := re.search(r"several columns: (--columns .*)$", hint[0]):
        rows = scan("-r", resolver.address, *flags[1].split(), names=text).rows
        assert set(names.split()) <= {row["d"] for row in rows} <= {*names.split(), "domain", "Domain"}
        return
    command = re.search(r": ((?:cut|sed|jq) .*) \| dnsscan \.\.\.$", hint[0])[1]
    left = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    assert len(hint) == 1
    assert hint[0].startswith("the input: ")
    assert looks in hint[0]
    assert left.split() == names.split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("192.0.2.1\n2001:db8::1\n", ["looks like an IP address or a block", "--ptr"]),
        ("192.0.2.0/24\n2001:db8::/64\n192.0.2.1\n", ["looks like an IP address or a block", "--ptr"]),
        ("socks5://192.0.2.1:1080\n", ["looks like a proxy", "--proxy-file"]),
        ("a..example\n", ['"a..example": empty label']),
        ("two words\n", ['"two words": space']),
        (b"\xffabc\n", ["not UTF-8"]),
        ("x" * 5000, ["line too long"]),
    ],
)
def test_what_has_another_remedy_or_none_is_told_too(resolver, text, words):
    hint = hints(scan("-r", resolver.address, names=text))

    assert len(hint) == 1
    assert [word for word in words if word not in hint[0]] == []
    assert len(hint[0]) < 250


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("1,a.example\n2,b.example\n", "--columns -,name"),
        ("a.example A\nb.example MX\n", "--columns name,type"),
        ("a.example. 3600 IN NS ns.example.\n", "--columns name,-,-,type"),
        ("1|a.example|x\n", "--columns -,name --separator pipe"),
        ("a.example\t192.0.2.1\n", "--columns name"),
    ],
)
def test_the_hint_for_columns_is_the_setting(resolver, text, flags):
    assert hints(scan("-r", resolver.address, names=text))[0].endswith(f"several columns: {flags}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,a.example\n" * 99, ["the input"]),
        ("# top\n\n" + "1,a.example\n" * 100 + "a.example\n", ["the first 100 lines"]),
        ("1,a.example\n" * 99 + "a.example\n", []),
        ("a.example\n" + "1,a.example\n" * 200, []),
        ("localhost\n" + "1,a.example\n" * 200, []),
        ("", []),
        ("# nothing\n\n", []),
        ("\n" * 20_000 + "1,a.example\n", []),
    ],
)
def test_there_is_one_hint_where_the_first_hundred_or_all_lines_are_bad_and_none_elsewhere(resolver, text, told):
    assert [hint.partition(":")[0] for hint in hints(scan("-r", resolver.address, names=text))] == told


def test_with_ptr_addresses_are_names_and_of_several_types_there_is_one_hint(resolver):
    assert hints(scan("-r", resolver.address, "--ptr", names="192.0.2.1\n")) == []
    assert len(hints(scan("-r", resolver.address, "-t", "A", "-t", "NS", names="192.0.2.1\n" * 300))) == 1


def test_another_warning_about_the_whole_input_is_enough(resolver):
    done = scan("-r", resolver.address, names="a.example\n".encode("utf-16"))

    assert "UTF-16" in done.err
    assert hints(done) == []
