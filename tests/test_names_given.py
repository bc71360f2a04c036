"""Names on the command line: -d."""

import json

import pytest
from command import refusal, scan
from dns_peer import DnsPeer
from test_udp import stats_of

NOWHERE = "127.0.0.1:9"  # never asked


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


@pytest.mark.parametrize(
    ("args", "names"),
    [
        (["-d", "a.example"], ["a.example"]),
        (["-d", "a.example", "--domain", "b.example"], ["a.example", "b.example"]),
        (["-d", "a.example, b.example", "-dc.example"], ["a.example", "b.example", "c.example"]),
        (["-d", "faß.example"], ["faß.example"]),
    ],
)
def test_names_of_the_command_line_are_asked_and_stdin_is_left_alone(resolver, args, names):
    done = scan("-r", resolver.address, "--fields", "n", *args, names="stdin.example\n")

    assert done.code == 0, done.err
    assert [row["d"] for row in sorted(done.rows, key=lambda row: row["n"])] == names


def test_names_of_the_command_line_stand_before_those_of_files(resolver, tmp_path):
    file = tmp_path / "names.txt"
    file.write_text("c.example\n")

    args = ["-d", "a.example", file, "-", "-d", "b.example", "--stats", "json"]
    done = scan("-r", resolver.address, "--fields", "n", *args, names="d.example")

    assert [row["d"][0] for row in sorted(done.rows, key=lambda row: row["n"])] == list("abcd")
    assert stats_of(done)["read"] == 4


def test_what_is_no_name_has_its_line_as_from_a_file(resolver):
    row = scan("-r", resolver.address, "--fields", "why", "-d", "http://a.example/").row

    assert (row["e"], row["why"]) == ("badname", "looks like a URL")


def test_names_of_the_command_line_are_resumed_by_their_number_and_others_are_another_input(resolver, tmp_path):
    output = tmp_path / "out.jsonl"
    names = ["-d", "a.example,b.example,c.example"]
    scan("-r", resolver.address, "--output", output, *names)
    whole = output.read_bytes()
    output.write_bytes(whole[: whole.index(b"\n") + 1])

    done = scan("-r", resolver.address, "--output", output, "--resume", "--stats", "json", *names)
    other = scan("-r", resolver.address, "--output", output, "--resume", "-d", "a.example,b.example")

    assert stats_of(done)["skipped"] == 1
    found = sorted(json.loads(line)["d"] for line in output.read_text().splitlines())
    assert found == ["a.example", "b.example", "c.example"]
    refusal(other, "input does not match")


@pytest.mark.parametrize("value", ["", ",", "a.example,", " "])
def test_a_name_that_is_missing_is_told(value):
    refusal(scan("-r", NOWHERE, "-d", value), "-d: a name is missing")


@pytest.mark.parametrize("name", ["example.com", "exämple.com", "_dmarc.example.com.", "a.b.example.co.uk"])
def test_a_name_in_a_files_place_is_refused_with_the_flag_that_asks_it(name):
    refusal(scan("-r", NOWHERE, name), f"cannot read {name}: No such file", f"-d {name}")


@pytest.mark.parametrize(
    ("word", "flag"),
    [
        ("@192.0.2.53", "-r ADDR"), ("@dns.example", "-r ADDR"), ("A", "-t A"), ("MX", "-t MX"),
        ("192.0.2.1", "--ptr -d 192.0.2.1"), ("2001:db8::1", "--ptr -d 2001:db8::1"),
    ],
)  # fmt: skip
def test_what_other_programs_take_without_a_flag_is_refused_with_the_flag_of_ours(word, flag):
    refusal(scan("-r", NOWHERE, word, "example.com"), f"cannot read {word}: No such file", f": {flag}")


@pytest.mark.parametrize("name", ["names", "lists/names.txt", "http://example.com", "a..b", "a", "ns"])
def test_what_is_no_name_in_a_files_place_has_no_such_hint(name):
    assert "-d " not in refusal(scan("-r", NOWHERE, "--", name), "cannot read")


def test_confirm_asks_for_names_of_the_command_line_too(tmp_path):
    config = tmp_path / "cfg.json"
    config.write_text("{}")

    done = scan("confirm", "--config", config, "-d", "a.no-such-tld,x..y", names="stdin.example\n")

    assert sorted((row["d"], row["c"]) for row in done.rows) == [("a.no-such-tld", "unknown"), ("x..y", "unknown")]
    refusal(scan("confirm", "example.com"), "-d example.com")
