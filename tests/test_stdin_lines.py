"""What each kind of input line gets (BAD-INPUT rows 1 to 38): the command against a scripted resolver."""

import json
import os
import pty
import random
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from command import DNSSCAN, ROOT, Scan, scan, start
from dns_peer import DnsPeer, Talk

PUBLIC_RESOLVER = "192.88.99.1"  # only ever given together with names that are not sent


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


def ask(resolver: DnsPeer, names: bytes | str, *args: object, **options) -> Scan:
    done = scan("-r", resolver.address, "--workers", 2, "--fields", "n,why", *args, names=names, **options)
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    return done


def asked_for(resolver: DnsPeer, line: bytes | str, *args: object) -> dict:
    """The row of a line that must have been asked."""
    row = ask(resolver, line if isinstance(line, bytes) else line.encode(), *args).row
    assert row["s"] in ("taken", "nxdomain"), row
    return row


def refused(resolver: DnsPeer, line: bytes | str, *args: object) -> dict:
    """The row of a line that must not have been asked."""
    octets = line if isinstance(line, bytes) else line.encode()
    before = len(resolver.names_asked)
    row = ask(resolver, octets, *args).row
    own = [name for name in resolver.names_asked[before:] if not is_probe(name)]
    assert (row["s"], row["e"], row["r"], row["re"]) == ("error", "badname", None, False), row
    assert own == []
    return row


def is_probe(name: str) -> bool:
    """The start-up probe's names are random and long, or under `invalid`."""
    return name.endswith("invalid") or len(name.split(".")[0]) >= 12


def lines_that_count(octets: bytes) -> int:
    """How many output lines an input must give; the rule of CONTRACT section 5, written a second time."""
    lines = octets.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    stripped = [line.strip(b" \t\r") for line in lines]
    return sum(1 for line in stripped if line and not line.startswith(b"#"))


# -- lines that are no names -----------------------------------------------------------------------


def test_blank_lines_and_comments_are_skipped_and_counted(resolver):
    done = ask(resolver, b"\n   \n\t\n# a comment\n  # another\n\r\na.example\n", "--stats", "json")

    assert [row["d"] for row in done.rows] == ["a.example"]
    assert '"blank":6' in done.err.replace(" ", "")


def test_crlf_line_ends_are_removed(resolver):
    assert [row["d"] for row in ask(resolver, b"a.example\r\nb.example\r\n").rows] in (
        ["a.example", "b.example"],
        ["b.example", "a.example"],
    )


def test_a_byte_order_mark_is_removed_on_line_1_only(resolver):
    rows = {row["n"]: row for row in ask(resolver, b"\xef\xbb\xbfa.example\n\xef\xbb\xbfb.example\n").rows}

    assert (rows[1]["d"], rows[1]["s"]) == ("a.example", "taken")
    assert (rows[2]["s"], rows[2]["e"]) == ("error", "badname")


def test_a_utf16_file_gives_bad_names_and_one_hint(resolver):
    octets = "".join(f"name{number}.example\n" for number in range(150)).encode("utf-16")

    done = ask(resolver, octets)

    assert len(done.rows) == lines_that_count(octets)
    assert {row["e"] for row in done.rows} == {"badname"}
    assert done.err.count("UTF-16") == 1


def test_the_last_line_needs_no_newline(resolver):
    assert sorted(row["d"] for row in ask(resolver, b"a.example\nb.example").rows) == [
        "a.example",
        "b.example",
    ]


def test_empty_input_gives_no_lines(resolver):
    assert ask(resolver, b"").out == b""


def test_one_line_is_one_line_whatever_python_calls_a_line_break(resolver):
    breaks = ["\x85", "\u2028", "\u2029", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r"]
    names = "".join(f"a{mark}b.example\n" for mark in breaks)

    rows = ask(resolver, names).rows

    assert sorted(row["n"] for row in rows) == list(range(1, len(breaks) + 1))
    assert {row["e"] for row in rows} == {"badname"}


# -- octets and characters -------------------------------------------------------------------------


def test_nul_is_a_control_character_written_in_ddd_form(resolver):
    row = refused(resolver, b"a\0b.example")

    assert row["d"] == r"a\000b.example"
    assert r"control character \000" in row["why"]


@pytest.mark.parametrize("octet", [1, 7, 11, 12, 27, 31, 127])
def test_a_control_character_is_never_written_raw(resolver, octet):
    row = refused(resolver, b"a%cb.example" % octet)

    assert row["d"] == rf"a\{octet:03d}b.example"
    assert rf"control character \{octet:03d}" in row["why"]


@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "POSIX"])
def test_what_is_not_utf8_is_told_the_same_in_every_locale(resolver, locale):
    row = ask(resolver, b"a\xffb.example\n", LC_ALL=locale, LANG=None, PYTHONUTF8="0").row

    assert (row["d"], row["e"]) == (r"a\255b.example", "badname")
    assert "not UTF-8" in row["why"]


@pytest.mark.parametrize("space", ["\xa0", "\u2003", "\u3000", "\u200b"])
def test_unicode_spaces_are_not_silently_stripped(resolver, space):
    rows = ask(resolver, f"{space}a.example\na.example{space}\n").rows

    assert [row["e"] for row in rows] == ["badname", "badname"]


@pytest.mark.parametrize("line", ["exa mple.com", "exa\tmple.com"])
def test_white_space_inside_is_a_bad_name(resolver, line):
    why = refused(resolver, line)["why"]

    assert "space" in why or "column" in why


@pytest.mark.parametrize("line", ["example.com,1.1.1.1", "example.com A", "example.com\tNS"])
def test_a_second_column_is_a_bad_name_and_the_scan_goes_on(resolver, line):
    rows = {row["n"]: row for row in ask(resolver, f"{line}\na.example\n").rows}

    assert (rows[1]["e"], rows[2]["s"]) == ("badname", "taken")
    assert "column" in rows[1]["why"] or "space" in rows[1]["why"]


def test_a_comma_is_called_an_unexpected_column(resolver):
    assert "unexpected column" in refused(resolver, "example.com,1.1.1.1")["why"]


@pytest.mark.parametrize(
    "line",
    [
        ";rm -rf /",
        "$(id).com",
        "`id`.com",
        "a;b.com",
        "a|b.com",
        "a&b.com",
        "a'b.com",
        '"a".com',
        "a=b.com",
        "a/b.com",
    ],
)
def test_shell_characters_are_bad_names_kept_as_they_are(resolver, line):
    assert refused(resolver, line)["d"] == line


@pytest.mark.parametrize("line", [r"a\.b.com", r"a\046b.com", r"a\999b.com"])
def test_escapes_in_input_are_bad_names(resolver, line):
    refused(resolver, line)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("http://example.com/x", "URL"),
        ("https://example.com", "URL"),
        ("user@example.com", "@"),
        ("@8.8.8.8", "@"),
        ("example.com:443", "port"),
    ],
)
def test_what_looks_like_something_else_gets_a_hint(resolver, line, hint):
    row = refused(resolver, line)

    assert row["d"] == line
    assert hint.lower() in row["why"].lower() or "address" in row["why"]


@pytest.mark.parametrize("line", ["*.example.com", "a.*.example.com"])
def test_a_star_is_a_bad_name(resolver, line):
    refused(resolver, line)


# -- IP addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["192.0.2.1", "192.0.2.1.", "2001:db8::1", "::1"])
def test_an_ip_address_is_a_bad_name_with_a_hint(resolver, line):
    row = refused(resolver, line)

    assert row["d"] == line
    assert "IP address (use --ptr)" in row["why"]


@pytest.mark.parametrize("args", [(), ("--ptr",)])
def test_what_only_looks_like_an_address_or_a_block_is_called_that(resolver, args):
    lines = ["192.0.2.1/33", "192.0.2.1/", "192.0.2.0/-1", "192.0.2/30", "256.0.0.0/8", "::1/129", "[::1]", "[::1]/128",
             "::1%lo", "fe80::1%eth0/64", "::1/x"]  # fmt: skip

    done = ask(resolver, "\n".join(lines), *args)

    assert {row["d"]: row["why"] for row in done.rows} == dict.fromkeys(
        lines, "neither an IP address nor a block of them")  # fmt: skip


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
        ("192.0.2.1.", "1.2.0.192.in-addr.arpa"),
        ("2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"),
    ],
)
def test_with_ptr_an_address_is_asked_by_its_reverse_name(resolver, line, asked):
    row = asked_for(resolver, line, "--ptr")

    assert (row["d"], row["q"].rstrip(".").lower()) == (line, asked)
    assert asked in resolver.names_asked


# -- lengths ---------------------------------------------------------------------------------------


def name_of(length: int) -> str:
    """A name of `length` characters in labels of at most 63, under `example`."""
    left = length - len(".example")
    labels = []
    while left > 0:
        take = min(63, left - 1 if left == 64 else left)
        labels.append("a" * take)
        left -= take + 1
    name = ".".join([*labels, "example"])
    assert len(name) == length
    return name


def test_a_name_of_253_characters_is_asked(resolver):
    name = name_of(253)

    assert asked_for(resolver, name)["d"] == name
    assert name in resolver.names_asked


def test_a_name_of_253_characters_and_a_dot_is_asked(resolver):
    asked_for(resolver, name_of(253) + ".")


def test_a_name_of_254_characters_is_too_long(resolver):
    assert "name too long" in refused(resolver, name_of(254))["why"]


def test_a_label_of_63_is_asked(resolver):
    asked_for(resolver, "a" * 63 + ".example")


def test_a_label_of_64_is_too_long(resolver):
    assert "label too long" in refused(resolver, "a" * 64 + ".example")["why"]


def test_a_line_of_4096_octets_is_read_whole(resolver):
    assert "line too long" not in refused(resolver, b"a" * 4096)["why"]


def test_spaces_count_in_a_line_of_4096_octets(resolver):
    asked_for(resolver, b" " * 4087 + b"a.example")


def test_a_line_of_4097_octets_is_too_long_and_shows_its_first_256(resolver):
    row = refused(resolver, b"b" * 4097)

    assert row["d"] == "b" * 256
    assert "line too long (> 4096 octets)" in row["why"]


def test_a_line_of_100_mb_costs_no_memory_and_the_next_line_is_fine(resolver):
    run = start("-r", resolver.address, "--workers", 1, true=True)
    try:
        run.stdin.write(b"first.example\n")
        run.stdin.flush()
        first = run.stdout.readline()
        before = high_water_kib(run.pid)
        for _ in range(100):
            run.stdin.write(b"a" * 1_000_000)
        run.stdin.write(b"\nnext.example\n")
        run.stdin.flush()
        two = sorted([run.stdout.readline(), run.stdout.readline()])
        after = high_water_kib(run.pid)
        _, err = run.communicate(timeout=20)
    finally:
        run.kill()

    assert b"first.example" in first
    assert b'"e":"badname"' in two[0]
    assert b'"d":"next.example","s":"taken"' in two[1]
    assert after - before < 8 * 1024
    assert run.returncode == 0, err


def high_water_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    raise AssertionError("no VmHWM")


# -- dots ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["a..b", ".a", "example.com..", ".."])
def test_an_empty_label_is_a_bad_name(resolver, line):
    assert "empty label" in refused(resolver, line)["why"]


def test_the_root_is_asked(resolver):
    asked_for(resolver, ".")

    assert "" in resolver.names_asked


def test_a_trailing_dot_is_fine_and_kept(resolver):
    row = asked_for(resolver, "dotted.example.")

    assert row["d"] == "dotted.example."
    assert "dotted.example" in resolver.names_asked


def test_upper_case_is_kept_in_the_output(resolver):
    assert asked_for(resolver, "UPPER.example")["d"] == "UPPER.example"


@pytest.mark.parametrize("line", ["_dmarc.under.example", "_443._tcp.x.example", "com", "-rf.com", "--help"])
def test_odd_but_good_names_are_asked(resolver, line):
    assert asked_for(resolver, line)["d"] == line
    assert line in resolver.names_asked


# -- IDNA ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("faß.de", "xn--fa-hia.de"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
    ],
)
def test_a_utf8_name_is_asked_by_its_a_label(resolver, line, asked):
    row = asked_for(resolver, line)

    assert (row["d"], row["q"]) == (line, asked)
    assert asked in resolver.names_asked


@pytest.mark.parametrize("line", ["example\u3002com", "\uff45\uff58ample.com"])
def test_unicode_dots_and_wide_letters_are_mapped_or_refused_never_half(resolver, line):
    row = ask(resolver, line).row

    assert row.get("e") == "badname" or row.get("q") == "example.com", row


@pytest.mark.parametrize("line", ["xn--a.example", "xn--.example", "xn--999999999.example", "xn--\u00fc.example"])
def test_broken_a_labels_raise_nothing(resolver, line):
    assert ask(resolver, line).row["d"] == line


def test_emoji_are_bad_names(resolver):
    assert refused(resolver, "😀.ws")["d"] == "😀.ws"


def test_many_combining_marks_are_cut_before_idna(resolver):
    line = "a" + "\u0301" * 2000 + ".example"

    rows = ask(resolver, (line + "\n") * 200, limit_s=10).rows

    assert len(rows) == 200
    assert {row["e"] for row in rows} == {"badname"}


# -- special-use names -----------------------------------------------------------------------------

SPECIAL = [
    "localhost",
    "foo.local",
    "x.onion",
    "1.0.0.127.in-addr.arpa",
    "invalid",
    "a.test",
    "A.LocalHost",
    "b.test.",
]


def test_special_use_names_are_never_sent_to_a_public_resolver():
    done = scan("-r", PUBLIC_RESOLVER, "--workers", 1, "--fields", "why", names="\n".join(SPECIAL) + "\n")

    assert done.code == 0, done.err
    assert sorted(row["d"] for row in done.rows) == sorted(SPECIAL)
    assert {(row["s"], row["e"]) for row in done.rows} == {("error", "special")}
    assert all("RFC 6761" in row["why"] for row in done.rows)


def test_a_loopback_resolver_gets_special_use_names(resolver):
    rows = ask(resolver, "\n".join(SPECIAL) + "\n").rows

    assert len(rows) == len(SPECIAL)
    assert {row["s"] for row in rows} == {"nxdomain"}


# -- many lines ------------------------------------------------------------------------------------


def test_duplicates_in_a_row_are_asked_once_and_each_has_its_line(resolver):
    before = len(resolver.names_asked)

    rows = ask(resolver, b"same.example\n" * 200_000).rows

    assert len(rows) == 200_000
    assert sorted(row["n"] for row in rows) == list(range(1, 200_001))
    assert {(row["d"], row["s"]) for row in rows} == {("same.example", "taken")}
    assert resolver.names_asked[before:].count("same.example") < 2_000


def test_duplicates_keep_the_rate():
    """While one is being answered twenty queries may leave; lines that come meanwhile wait for that one."""

    def slow(talk: Talk) -> None:
        for query in talk.queries():
            time.sleep(0.1)
            talk.answer(query)

    with DnsPeer(slow) as peer:
        done = scan("-r", peer.address, "--rate", 200, "--stats", "json", names="same.example\n" * 100_000)

    books = json.loads(done.err.splitlines()[-1])
    assert books["written"] == len(done.rows) == 100_000
    assert books["queries"] <= 200 * books["seconds"] + 2


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_octets_give_exactly_one_line_for_every_line(resolver, seed):
    chance = random.Random(seed)
    octets = b"\n".join(chance.randbytes(chance.randrange(40)).replace(b"\n", b"") for _ in range(10_000))

    rows = ask(resolver, octets, limit_s=60).rows

    assert len(rows) == lines_that_count(octets)
    assert len({row["n"] for row in rows}) == len(rows)
    assert not any(ord(character) < 32 or ord(character) == 127 for row in rows for character in row["d"])


def test_with_several_types_every_name_has_a_line_for_each(resolver):
    rows = ask(resolver, "a.example\nb..c\nnx.example\n", "-t", "A", "-t", "NS").rows

    assert sorted((row["n"], row["t"]) for row in rows) == [(n, t) for n in (1, 2, 3) for t in ("A", "NS")]


# -- the whole input -------------------------------------------------------------------------------


def xlsx(path: Path) -> bytes:
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
    return path.read_bytes()


@pytest.mark.parametrize(
    ("kind", "octets", "remedy"),
    [
        ("zip or xlsx", None, "unzip -p"),
        ("7z", b"7z\xbc\xaf\x27\x1c\x00\x04", "7z x -so"),
        ("lz4", b"\x04\x22\x4d\x18\x64\x40", "lz4 -dc"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_with_the_command_that_does(resolver, tmp_path, kind, octets, remedy):
    done = scan("-r", resolver.address, names=octets or xlsx(tmp_path / "book.xlsx"))

    assert (done.code, done.out) == (2, b"")
    assert kind in done.err
    assert remedy in done.err
    assert len(done.err.splitlines()) <= 2


def test_a_directory_as_stdin_is_refused(resolver):
    with_directory = os.open("/", os.O_RDONLY)
    try:
        run = subprocess.run(
            [*DNSSCAN, "-r", resolver.address],
            stdin=with_directory,
            capture_output=True,
            timeout=20,
            cwd=ROOT,
        )
    finally:
        os.close(with_directory)

    # CPython itself looks at stdin before any of our code and leaves: "<stdin> is a directory, cannot continue"
    assert run.returncode == 1
    assert b"is a directory" in run.stderr
    assert run.stdout == b""


def test_a_closed_stdin_is_refused(resolver):
    command = f"exec {sys.executable} -m scanner -r {resolver.address} <&-"

    run = subprocess.run(["sh", "-c", command], capture_output=True, timeout=20, cwd=ROOT)

    assert run.returncode == 2, run.stderr
    assert len(run.stderr.splitlines()) == 1


def test_a_terminal_as_stdin_is_said_on_stderr(resolver):
    ours, theirs = pty.openpty()
    run = start("-r", resolver.address, stdin=theirs)
    try:
        os.close(theirs)
        os.write(ours, b"typed.example\n")
        line = run.stdout.readline()
        os.write(ours, b"\x04")
        _, err = run.communicate(timeout=20)
    finally:
        run.kill()
        os.close(ours)

    assert b'"d":"typed.example","s":"taken"' in line
    assert b"terminal" in err
    assert run.returncode == 0


def test_a_read_error_ends_the_input_early(resolver):
    with open("/proc/self/mem", "rb", buffering=0) as unreadable:  # address 0 is mapped nowhere: EIO
        run = subprocess.run(
            [*DNSSCAN, "-r", resolver.address], stdin=unreadable, capture_output=True, timeout=20, cwd=ROOT
        )

    assert run.returncode == 1, run.stderr
    assert b"input ended early after 0 lines" in run.stderr
    assert b"Traceback" not in run.stderr


def test_names_come_from_files_given_as_arguments(resolver, tmp_path):
    one, two = tmp_path / "one.txt", tmp_path / "two.txt"
    one.write_bytes(b"a.example\nb.example")
    two.write_bytes(b"\xef\xbb\xbfc.example\r\n")

    done = ask(resolver, b"ignored.example\n", one, two)

    assert sorted(row["d"] for row in done.rows) == ["a.example", "b.example", "c.example"]


def test_a_missing_file_is_refused_before_any_packet(tmp_path):
    with DnsPeer() as own:
        done = scan("-r", own.address, tmp_path / "missing.txt")

        assert (done.code, done.out, own.connections) == (2, b"", 0)
        assert "missing.txt" in done.err
