"""Columns of input lines: the name, a type of the line's own, metadata that comes back whatever becomes of the name."""

import json
import random
import time
from collections import Counter

import pytest
from command import refusal, scan
from dns_peer import DnsPeer, Talk
from test_fields import SCHEMA_OF_LINES
from test_udp import stats_of

from scanner import scan_all
from scanner.config.config import from_table
from scanner.native.input.columns import Columns

NOWHERE = ("-r", "127.0.0.1:9")  # never asked


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


@pytest.mark.parametrize(
    ("flags", "line", "found"),
    [
        ("-,name", "1,a.example", {"d": "a.example"}),
        ("-,name", " 1 ,\ta.example \r", {"d": "a.example"}),
        ("-,name", "1,a.example,more,of it", {"d": "a.example"}),
        ("-,name", '"1","a.example"', {"d": "a.example"}),
        ("-,name", '"1, or 2","a.example"', {"d": "a.example"}),
        ("name", "a.example A", {"d": "a.example"}),
        ("name", "a.example", {"d": "a.example"}),
        ("name,type", "a.example  \t MX", {"d": "a.example", "t": "MX"}),
        ("name,type", "a.example\tmx", {"d": "a.example", "t": "MX"}),
        ("name,type", "a.example TYPE65280", {"d": "a.example", "t": "TYPE65280"}),
        ("name,type", "a.example", {"d": "a.example", "t": "NS"}),
        ("name,type", "a.example,", {"d": "a.example", "t": "NS"}),
        ("name,meta", "a.example,x, y ,z", {"d": "a.example", "m": "x, y ,z"}),
        ("name,meta", "a.example two words", {"d": "a.example", "m": "two words"}),
        ("name,meta", 'a.example,"x, y"', {"d": "a.example", "m": '"x, y"'}),
        ("name,meta", "a.example,", {"d": "a.example"}),
        ("name,meta", "a.example", {"d": "a.example"}),
        ("meta,name", "é\\n,faß.example.", {"d": "faß.example.", "q": "xn--fa-hia.example", "m": "é\\n"}),
        ("meta,name,type", '"x,y",a.example,A', {"d": "a.example", "t": "A", "m": '"x,y"'}),
        ("name,-,meta", "a.example;1;2;3 --separator ;", {"d": "a.example", "m": "2;3"}),
        ("name,meta", "a.example|b, c --separator pipe", {"d": "a.example", "m": "b, c"}),
        ("name,meta", "a.example b,c --separator blanks", {"d": "a.example", "m": "b,c"}),
        ("name,meta", "a.example\tb,c\td --separator tab", {"d": "a.example", "m": "b,c\\009d"}),
        ("name", "a.example;b --separator semicolon", {"d": "a.example"}),
    ],
)
def test_a_line_is_cut_as_its_columns_say(resolver, flags, line, found):
    text, _, separator = line.partition(" --separator ")
    done = scan(
        "-r", resolver.address, "--columns", flags, *(["--separator", separator] if separator else []), names=text
    )

    row = done.row
    SCHEMA_OF_LINES.validate(row)
    assert done.code == 0, done.err
    assert {key: row[key] for key in ("d", "t", "q", "m") if key in row} == found
    assert row["s"] == "taken"


@pytest.mark.parametrize(
    ("flags", "line", "found"),
    [
        ("-,name", "a.example", ("a.example", "no name in its column", None, None)),
        ("-,name,meta", "1,,x", ("1,,x", "no name in its column", None, "x")),
        ("-,name,meta", '1,"",x', ('1,"",x', "no name in its column", None, "x")),
        ("name,type,meta", "a.example ZZ x", ("a.example", "no type to ask for in its column", "NS", "x")),
        ("name,type", "a.example AXFR", ("a.example", "no type to ask for in its column", "NS", None)),
        ("name,type", "a.example TYPE65535", ("a.example", "no type to ask for in its column", "NS", None)),
        ("name,type", "a..example A", ("a..example", "empty label", "A", None)),
        ("name,meta", "http://a.example/,x\x01", ("http://a.example/", "looks like a URL", None, "x\\001")),
        ("name,meta", b"a..example,\xff\xe9", ("a..example", "empty label", None, "\\255\\233")),
        ("name,meta", "a" * 5000 + ",x", ("a" * 256, "line too long (> 4096 octets)", None, None)),
    ],
)
def test_a_bad_line_keeps_its_name_type_and_metadata(resolver, flags, line, found):
    done = scan("-r", resolver.address, "--columns", flags, "--fields", "why", names=line)

    row = done.row
    SCHEMA_OF_LINES.validate(row)
    assert (row["d"], row["why"], row.get("t"), row.get("m")) == found
    assert row["e"] == "badname"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--columns", "name,typo"], '--columns: "typo" is no column; columns are name, type, resolver, meta, -'),
        (["--columns", ""], '--columns: "" is no column'),
        (["--columns", "type,meta"], "one column is the name"),
        (["--columns", "name,-,name"], "--columns: name stands twice"),
        (["--columns", "name,meta", "--format", "names"], "a line of names is the name alone"),
        (["--columns", "name,type", "-t", "A", "-t", "MX"], "--type: one type"),
        (["--columns", ",".join(["name", *["-"] * 32])], "at most 32"),
        (["--separator", "ab"], '--separator: "ab" is not one of auto, comma'),
        (["--separator", "a"], '--separator: "a" is not one of'),
        (["--separator", "-"], '--separator: "-" is not one of'),
    ],
)
def test_columns_that_make_no_sense_are_refused_in_one_line(args, said):
    refusal(scan(*NOWHERE, *args), said)


@pytest.mark.parametrize("form", ["massdns", "zdns"])
def test_other_formats_have_the_lines_own_type_and_metadata_too(resolver, form):
    lines = 'a.example A one "two"\nb.example MX \nc..example A three\n'
    args = ["--columns", "name,type,meta", "--format", form]

    done = scan("-r", resolver.address, *args, names=lines)

    found = []
    for row in done.rows:
        types = [row["type"]] if form == "massdns" else list(row["results"])
        found.append((row["name"].rstrip("."), types, row.get("m" if form == "massdns" else "metadata")))
    assert sorted(found) == [
        ("a.example", ["A"], 'one "two"'),
        ("b.example", ["MX"], None),
        ("c..example", ["A"], "three"),
    ]


def test_the_same_name_again_is_asked_once_for_each_type_and_each_line_has_its_own_metadata():
    def late(talk: Talk) -> None:
        for query in talk.queries():
            time.sleep(0.2)  # all lines are read before the first answer
            talk.answer(query)

    lines = (
        "same.example A 1\nSAME.example A 2\nsame.example MX 3\nsame.example A 4\nsame.example A 5\nother.example A 6\n"
    )

    with DnsPeer(late) as resolver:
        done = scan(
            "-r", resolver.address, "--workers", 1, "--columns", "name,type,meta", "--stats", "json", names=lines
        )

    assert {(row["m"], row["t"]) for row in done.rows} == {*((str(n), "A") for n in (1, 2, 4, 5, 6)), ("3", "MX")}
    assert stats_of(done)["queries"] <= 5
    assert sorted(row["d"] for row in done.rows)[0] == "SAME.example"


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_metadata_follows_its_name_into_the_second_pass_and_its_file(lab, scheme):
    """More than a megabyte of jobs waits: some of them in the temporary file."""
    meta = {
        f"servfail-1.meta{scheme}{number}.lab.test": f"{number} " + "xyzä\\"[number % 5 :] * 120
        for number in range(2500)
    }
    lines = "".join(f"{text};{name}\n" for name, text in meta.items())
    args = ["--columns", "meta,name", "--separator", ";", "--retries", 0]

    done = scan("-r", f"{scheme}://{lab.config['resolvers'][0]}", *args, "--stats", "json", names=lines, limit_s=60)

    assert {row["d"]: row["m"] for row in done.rows} == meta
    assert stats_of(done)["second"] == 2500


def test_metadata_and_types_follow_their_names_from_datagrams_to_streams(lab):
    labels = ("truncate", "big", "good", "nodata", "servfail-1", "cname-nx")
    lines = [(f"{label}.moved{number}.lab.test", ("A", "MX", "TXT")[number % 3], f"m{number}, é")
             for number in range(60) for label in labels]  # fmt: skip
    lines.append(("faß.lab.test", "A", "idna"))
    text = "".join(f"{name},{kind},{meta}\n" for name, kind, meta in lines)

    done = scan("-r", f"udp://{lab.config['resolvers'][0]}", "--columns", "name,type,meta", names=text, limit_s=60)

    assert Counter((row["d"], row["t"], row["m"]) for row in done.rows) == Counter(lines)


@pytest.mark.parametrize("kept", [0.0, 0.4, 0.9])
@pytest.mark.parametrize("form", ["compact", "massdns", "zdns"])
def test_lines_with_types_of_their_own_are_resumed(resolver, tmp_path, kept, form):
    file, output = tmp_path / "in.csv", tmp_path / "out.jsonl"
    file.write_text("".join(f"n{n}.example,{('A', 'MX', 'BAD')[n % 3]},{n}\n" for n in range(60)))
    command = ["-r", resolver.address, "--columns", "name,type,meta", "--format", form, "--output", output, file]
    scan(*command)
    octets = output.read_bytes()
    output.write_bytes(octets[: int(len(octets) * kept)])

    done = scan(*command, "--resume", "--stats", "json")

    assert done.code == 0, done.err
    assert stats_of(done)["skipped"] == octets[: int(len(octets) * kept)].count(b"\n")
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert sorted(row["n"] for row in rows) == list(range(1, 61))
    assert all(int(row["metadata" if form == "zdns" else "m"]) == row["n"] - 1 for row in rows)


def test_a_run_is_resumed_with_the_same_columns_only(resolver, tmp_path):
    output = tmp_path / "out.jsonl"
    command = ["-r", resolver.address, "--output", output, "-d", "1;a.example"]
    scan(*command, "--columns", "-,name", "--separator", ";")

    refusal(scan(*command, "--resume"), "was begun with --columns -,name")
    refusal(scan(*command, "--resume", "--columns", "-,name"), "was begun with --separator ;")
    refusal(scan(*command, "--resume", "--columns", "name,-", "--separator", ";"), "was begun with --columns -,name")
    assert scan(*command, "--resume", "--columns", "-,name", "--separator", "semicolon").code == 0


def test_blocks_of_addresses_keep_what_stands_beside_them(resolver):
    lines = '7,192.0.2.0/31,"a/b"\n8,2001:db8::/127,x\n# 9,192.0.2.0/24,y\n'
    args = ["--ptr", "--columns", "-,name,meta", "--fields", "n"]

    rows = scan("-r", resolver.address, *args, names=lines).rows

    assert sorted((row["n"], row["d"], row["m"]) for row in rows) == [
        (1, "192.0.2.0", '"a/b"'), (2, "192.0.2.1", '"a/b"'), (3, "2001:db8::", "x"), (4, "2001:db8::1", "x"),
    ]  # fmt: skip


def test_columns_come_from_a_file_and_to_the_library_too(resolver, tmp_path):
    config = {"resolver": resolver.address, "columns": ["-", "name", "meta"], "separator": ";"}
    (tmp_path / "cfg.json").write_text(json.dumps(config))

    row = scan("--config", tmp_path / "cfg.json", names="1;a.example;x").row
    result = scan_all(["1;a.example;x", "2;b.example"], config)

    assert (row["d"], row["m"]) == ("a.example", "x")
    assert sorted((each.name, each.metadata) for each in result) == [("a.example", "x"), ("b.example", None)]


@pytest.mark.parametrize("word", ["auto", "comma", "tab", "blanks", "pipe", ";", ""])
def test_a_separator_may_be_written_as_it_is_read(word):
    found = from_table({"resolver": "127.0.0.1", "separator": word}, {}).separator

    assert from_table({"resolver": "127.0.0.1", "separator": found}, {}).separator == found


def test_several_types_are_asked_of_each_line_and_all_have_its_metadata(resolver):
    args = ["-t", "A", "-t", "MX", "--columns", "name,meta"]

    rows = scan("-r", resolver.address, *args, names="a.example x\nb.example y\n").rows

    assert sorted((row["d"], row["t"], row["m"]) for row in rows) == [
        (name, kind, meta) for name, meta in (("a.example", "x"), ("b.example", "y")) for kind in ("A", "MX")
    ]


def name_by(words: list[str], separator: str, line: bytes) -> bytes | None:
    """The rule once more, for lines without quotes."""
    text = line.strip(b" \t\r\n")
    between = separator.encode() or next((each for each in (b",", b"\t") if each in text), b" ")
    cells = text.replace(b"\r", b" ").split() if between == b" " else text.split(between)
    place = words.index("name")
    return cells[place].strip(b" \t\r") if place < len(cells) and text else None


@pytest.mark.parametrize("separator", ["", ",", "\t", " ", ";"])
def test_the_name_is_found_as_a_plain_rule_finds_it(separator):
    chance = random.Random(7)
    for _ in range(3000):
        line = bytes(chance.choice(b"ab.,;\t  ") for _ in range(chance.randrange(20)))
        words = ["-"] * chance.randrange(3) + ["name"]
        span = Columns(words, separator).name_span(line)

        assert (line[slice(*span)] if span else None or b"") == (name_by(words, separator, line) or b""), (line, words)


def test_quotes_of_any_kind_leave_the_name_inside_the_line():
    chance = random.Random(8)
    for _ in range(5000):
        line = bytes(chance.choice(b'a",; \t\n\xff') for _ in range(chance.randrange(12)))
        span = Columns(["meta", "name", "type"], chance.choice(["", ";", " "])).name_span(line)

        assert span is None or 0 <= span[0] <= span[1] <= len(line)
