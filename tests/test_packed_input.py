"""Packed input (gzip, zstd, bzip2, xz): it is read as it is, in little memory, and an error says where it breaks."""

import bz2
import gzip
import json
import lzma
import sys
import zlib
from collections import Counter
from functools import partial

import pytest
from command import scan, start
from dns_peer import DnsPeer
from test_stdin_lines import high_water_kib
from test_udp import stats_of

from scanner.input.packed import PIECE, Damaged, unpacked
from scanner.scanning.source import TORN_MAX, whole_lines

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PACKERS = {
    "gzip": gzip.compress,
    "zstd": zstd.compress,
    "bzip2": partial(bz2.compress, compresslevel=1),
    "xz": lzma.compress,
}
NAMES = [f"name{number}.example" for number in range(2000)]
TEXT = "".join(f"{name}\n" for name in NAMES).encode()


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


def pieces_of(octets: bytes, size: int):
    return (octets[at : at + size] for at in range(0, len(octets), size))


def numbered(rows: list[dict]) -> dict[int, str]:
    assert max(Counter(row["n"] for row in rows).values(), default=1) == 1
    return {row["n"]: row["d"] for row in rows}


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("way", ["stdin", "file"])
def test_packed_input_is_read_as_it_is_whatever_it_is_called(resolver, tmp_path, kind, way):
    packed = PACKERS[kind](TEXT[:9000]) + PACKERS[kind](b"") + PACKERS[kind](TEXT[9000:].rstrip(b"\n"))
    file = tmp_path / "names.txt"
    file.write_bytes(packed)

    done = scan("-r", resolver.address, "--fields", "n", *([file] if way == "file" else []),
                names=packed if way == "stdin" else "stdin.example")  # fmt: skip

    assert done.code == 0, done.err
    assert numbered(done.rows) == dict(enumerate(NAMES, 1))


def test_packed_and_plain_files_are_one_input(resolver, tmp_path):
    parts = [
        PACKERS["zstd"](b"\xef\xbb\xbfa.example\nb.example"),
        b"c.example",
        PACKERS["gzip"](b"d.example\r\n"),
        b"",
        b"e.example",
    ]
    files = [tmp_path / f"part{number}" for number in range(len(parts))]
    for file, octets in zip(files, parts, strict=True):
        file.write_bytes(octets)

    done = scan("-r", resolver.address, "--fields", "n", *files)

    assert numbered(done.rows) == {number: f"{letter}.example" for number, letter in enumerate("abcde", 1)}


@pytest.mark.parametrize(
    "octets", [b"(x.example", b"P.example\n", b"BZh9.example", b"B", b"P*", b"7z.example", b"\xfd7z"]
)
def test_what_only_begins_like_packed_input_is_text(resolver, octets):
    row = scan("-r", resolver.address, names=octets).row

    assert row["d"] == octets.decode("ascii", "replace").strip().replace("\ufffd", "\\253")


@pytest.mark.parametrize("kind", PACKERS)
def test_packed_input_that_ends_in_the_middle_ended_early_and_no_cut_name_is_asked(resolver, kind):
    text = b"".join(b"name%d.example\n" % (number * 7919 % 20_011) for number in range(20_000))
    packed = PACKERS[kind](text)

    done = scan("-r", resolver.address, "--fields", "n", "--stats", "json", names=packed[: len(packed) * 2 // 3])

    found, books = numbered(done.rows), stats_of(done)
    lines = text.decode().splitlines()
    assert done.code == 1, done.err
    assert f"input ended early after {books['read']:,} lines: its {kind} data ends in the middle" in done.err
    assert found == dict(enumerate(lines[: len(found)], 1))
    assert books["read"] == books["written"] == len(found) > 0
    assert "Traceback" not in done.err


@pytest.mark.parametrize("kind", PACKERS)
def test_damage_ends_the_input_early_and_the_books_balance(resolver, kind):
    packed = bytearray(PACKERS[kind](TEXT) + PACKERS[kind](TEXT))
    packed[len(packed) * 3 // 4 : len(packed) * 3 // 4 + 40] = bytes(40)

    done = scan("-r", resolver.address, "--fields", "n", "--stats", "json", names=bytes(packed))

    found, books = numbered(done.rows), stats_of(done)
    assert done.code == 1, done.err
    assert f"input ended early after {books['read']:,} lines: its {kind} data is damaged (" in done.err
    assert [found[number] for number in range(1, 2001)] == NAMES
    assert books["read"] == books["written"] + books["blank"]


def test_what_stands_before_the_damage_is_kept_and_what_follows_the_last_member_is_told(resolver):
    bad_sum = bytearray(gzip.compress(TEXT))
    bad_sum[-8] ^= 1
    behind = gzip.compress(TEXT) + bytes(600)

    first = scan("-r", resolver.address, names=bytes(bad_sum))
    second = scan("-r", resolver.address, names=behind)
    third = scan("-r", resolver.address, names=behind + b"example.com\n")

    assert [len(done.rows) for done in (first, second, third)] == [2000, 2000, 2000]
    assert [done.code for done in (first, second, third)] == [1, 0, 1]
    assert "after 2,000 lines: its gzip data is damaged (incorrect data check)" in first.err


def test_of_several_files_the_one_that_breaks_is_told(resolver, tmp_path):
    whole, torn = tmp_path / "whole.txt", tmp_path / "torn.gz"
    whole.write_text("a.example\n")
    torn.write_bytes(gzip.compress(TEXT)[:-100])

    done = scan("-r", resolver.address, whole, torn)

    assert done.code == 1
    assert "lines: file 2: its gzip data ends in the middle" in done.err


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_what_unpacks_to_very_much_costs_no_memory(resolver, kind):
    pack = PACKERS[kind]
    run = start("-r", resolver.address, "--workers", 1, true=True)
    run.stdin.write(pack(b"first.example\n"))
    run.stdin.flush()
    first = run.stdout.readline()
    before = high_water_kib(run.pid)

    run.stdin.write(pack(b"a" * 20_000_000 + b"\n" * 20_000_000 + b"next.example\n"))
    run.stdin.flush()
    rest = sorted([run.stdout.readline(), run.stdout.readline()])
    after = high_water_kib(run.pid)
    _, err = run.communicate(timeout=20)

    assert b"first.example" in first
    assert b'"e":"badname"' in rest[0]
    assert b"next.example" in rest[1]
    assert after - before < 16 * 1024
    assert run.returncode == 0, err


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_scan_of_packed_names_is_resumed_by_the_lines_that_were_packed(resolver, tmp_path, kind):
    file, output = tmp_path / "names", tmp_path / "out.jsonl"
    file.write_bytes(PACKERS[kind](TEXT))
    command = ["-r", resolver.address, "--output", output, "--resume", "--stats", "json", file]
    whole = scan(*command)
    octets = output.read_bytes()
    output.write_bytes(octets[: len(octets) // 3])

    done = scan(*command)
    books = stats_of(done)
    file.write_bytes(PACKERS[kind](TEXT + b"another.example\n"))
    other = scan(*command)

    assert (whole.code, done.code) == (0, 0), done.err
    assert books["skipped"] == octets[: len(octets) // 3].count(b"\n")
    assert numbered([json.loads(line) for line in output.read_text().splitlines()]) == dict(enumerate(NAMES, 1))
    assert (other.code, "input does not match" in other.err) == (2, True)


def test_a_run_whose_packed_input_ended_early_is_resumed_with_the_same_file(resolver, tmp_path):
    file, output = tmp_path / "names.gz", tmp_path / "out.jsonl"
    file.write_bytes(gzip.compress(TEXT)[:-300])
    command = ["-r", resolver.address, "--output", output, "--resume", "--stats", "json", file]

    first, second = scan(*command), scan(*command)

    assert (first.code, second.code) == (1, 1)
    assert stats_of(second)["skipped"] == stats_of(first)["written"] == len(output.read_text().splitlines())


def test_confirm_reads_packed_results():
    done = scan("confirm", names=zstd.compress(b'{"d":"a.example","s":"taken","r":0,"ms":1,"re":true}\n'))

    assert done.row["c"] == "registered"


# -- the unpacking itself --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("size", [1, 7, 4096])
def test_it_is_the_same_wherever_the_octets_are_cut(kind, size):
    packed = PACKERS[kind](TEXT) + PACKERS[kind](b"\n") + PACKERS[kind](TEXT)

    assert b"".join(unpacked(pieces_of(packed, size))) == TEXT + b"\n" + TEXT


@pytest.mark.parametrize("kind", PACKERS)
def test_wherever_it_ends_what_was_unpacked_is_the_begin_of_the_text(kind):
    packed = PACKERS[kind](TEXT)
    for end in range(8, len(packed), max(len(packed) // 150, 1)):
        found = b""
        with pytest.raises(Damaged, match="ends in the middle"):  # noqa: PT012 - what came before counts too
            for piece in unpacked(pieces_of(packed[:end], 1000)):
                assert len(piece) <= PIECE
                found += piece
        assert TEXT.startswith(found)


def test_frames_to_be_passed_over_are_passed_over():
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"  # as pzstd writes them first

    assert b"".join(unpacked(pieces_of(skipped + zstd.compress(TEXT), 5))) == TEXT


def test_a_window_beyond_the_bound_is_refused_with_the_reason():
    huge = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 30})
    packed = huge.compress(TEXT) + huge.flush()

    with pytest.raises(Damaged, match="too much memory"):
        list(unpacked(pieces_of(packed, 1000)))


def test_damage_anywhere_in_gzip_gives_an_error_of_ours_or_the_whole_text():
    packed = gzip.compress(TEXT)
    for at in range(10, len(packed), 97):
        bad = packed[:at] + bytes([packed[at] ^ 0x55]) + packed[at + 1 :]
        with pytest.raises(Damaged):
            list(unpacked(pieces_of(bad, 5000)))
    assert zlib.decompress(packed, 31) == TEXT


@pytest.mark.parametrize("size", [1, 3, 50])
def test_pieces_end_with_a_line(size):
    text = b"a\n\nbc\n" + b"d" * 60 + b"\n" + b"e"

    found = list(whole_lines(pieces_of(text, size)))

    assert all(piece.endswith(b"\n") for piece in found)
    assert b"".join(found) == text + b"\n"


@pytest.mark.parametrize("end", [b"", b"\n", b"\nx"])
def test_an_endless_line_is_handed_on_in_parts(end):
    text = b"y" * (3 * TORN_MAX) + end

    found = list(whole_lines(pieces_of(text, 100_000)))

    assert max(map(len, found)) < TORN_MAX + 200_000
    assert b"".join(found) == text.removesuffix(b"\n") + b"\n"
