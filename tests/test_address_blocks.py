"""Blocks of addresses as input lines: with --ptr each stands for its addresses, in order and in constant memory."""

import json
import os
from ipaddress import ip_network

import pytest
from command import refusal, scan, start
from dns_peer import DnsPeer
from test_stdin_lines import PUBLIC_RESOLVER, high_water_kib
from test_udp import stats_of

from scanner.input.blocks import ADDRESS, PIECE, without_blocks


@pytest.fixture(scope="module")
def resolver():
    with DnsPeer() as peer:
        yield peer


def addresses_of(block: str) -> list[str]:
    return [str(address) for address in ip_network(block, strict=False)]


def in_order(rows: list[dict]) -> list[str]:
    ordered = sorted(rows, key=lambda row: row["n"])
    assert [row["n"] for row in ordered] == list(range(1, len(rows) + 1))
    return [row["d"] for row in ordered]


@pytest.mark.parametrize(
    "block", ["192.0.2.0/30", "192.0.2.77/29", "192.0.2.1/32", "2001:db8::fff0/124", "192.0.2.8/255.255.255.248"]
)
def test_a_block_is_asked_address_by_address_by_their_reverse_names(resolver, block):
    done = scan("-r", resolver.address, "--ptr", "--fields", "n", names=f" {block}\r\n")

    assert done.code == 0, done.err
    assert in_order(done.rows) == addresses_of(block)
    reverse = [address.reverse_pointer for address in ip_network(block, strict=False)]
    assert sorted(row["q"].rstrip(".") for row in done.rows) == sorted(reverse)
    assert set(reverse) <= set(resolver.names_asked)


def test_blocks_stand_among_other_lines_and_the_numbers_and_books_are_those_of_the_addresses(resolver, tmp_path):
    file = tmp_path / "mixed.txt"
    file.write_text(
        "a.example\n192.0.2.0/31\n# 192.0.2.0/8\n\nb/c.example\n192.0.2.9\n2001:db8::/127\n1.2.3.4/33\nc.example"
    )

    done = scan("-r", resolver.address, "--ptr", "--fields", "n,why", "--stats", "json", file, "-d", "198.51.100.0/31")

    rows, books = {row["n"]: row for row in done.rows}, stats_of(done)
    assert [rows[number]["d"] if number in rows else "" for number in range(1, 14)] == [
        "198.51.100.0", "198.51.100.1", "a.example", "192.0.2.0", "192.0.2.1", "", "", "b/c.example", "192.0.2.9",
        "2001:db8::", "2001:db8::1", "1.2.3.4/33", "c.example",
    ]  # fmt: skip
    assert [number for number, row in rows.items() if row["s"] == "error"] == [8, 12]
    assert (books["read"], books["blank"], books["written"]) == (13, 2, 11)


@pytest.mark.parametrize("line", ["192.0.2.0/30", "2001:db8::/126"])
def test_without_ptr_a_block_is_a_bad_name_with_a_hint(resolver, line):
    row = scan("-r", resolver.address, "--fields", "why", names=line).row

    assert (row["d"], row["e"], row["why"]) == (line, "badname", "block of IP addresses (use --ptr)")


def test_the_reverse_names_of_private_addresses_are_not_sent_to_public_resolvers():
    done = scan("-r", PUBLIC_RESOLVER, "--workers", 1, "--ptr", names="10.1.2.0/30\n127.0.0.1\n192.168.7.0/31\n")

    assert {(row["s"], row["e"]) for row in done.rows} == {("error", "special")}
    assert len(done.rows) == 7


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.999])
def test_a_scan_of_blocks_is_resumed_by_the_addresses(resolver, tmp_path, kept):
    file, output = tmp_path / "blocks.txt", tmp_path / "out.jsonl"
    file.write_text("192.0.2.0/25\na.example\n2001:db8::/121\n")
    command = ["-r", resolver.address, "--ptr", "--output", output, "--stats", "json", file]
    scan(*command)
    octets = output.read_bytes()
    output.write_bytes(octets[: int(len(octets) * kept)])

    done = scan(*command, "--resume")

    assert done.code == 0, done.err
    assert stats_of(done)["skipped"] == octets[: int(len(octets) * kept)].count(b"\n")
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert in_order(rows) == [*addresses_of("192.0.2.0/25"), "a.example", *addresses_of("2001:db8::/121")]


def test_a_run_is_not_resumed_where_ptr_would_number_its_lines_anew(resolver, tmp_path):
    output = tmp_path / "out.jsonl"
    command = ["-r", resolver.address, "--output", output, "-d", "192.0.2.0/30"]
    scan(*command, "--ptr")

    refusal(scan(*command, "--resume"), "was begun with --ptr")
    scan(*command, "--force")
    refusal(scan(*command, "--resume", "--ptr"), "was begun without --ptr")


@pytest.mark.parametrize("block", ["2001:db8::/32", "0.0.0.0/0"])
def test_a_block_without_an_end_is_read_as_it_is_needed_in_constant_memory(resolver, block):
    run = start("-r", resolver.address, "--ptr", "--workers", 2, "--all-names", "-d", block, stdin=None, true=True)
    first = [json.loads(run.stdout.readline())["d"] for _ in range(100)]
    before = high_water_kib(run.pid)
    for _ in range(3 * PIECE // ADDRESS):
        run.stdout.readline()
    after = high_water_kib(run.pid)
    os.kill(run.pid, 2)
    _, err = run.communicate(timeout=20)

    assert set(first) <= {str(ip_network(block)[number]) for number in range(20_000)}
    assert after - before < 8 * 1024
    assert run.returncode == 130, err


def test_the_last_block_of_all_has_its_last_address():
    pieces = without_blocks(iter([b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/114\n255.255.255.255/31\n"]), lambda: None)

    lines = b"".join(pieces).split()

    assert len(lines) == 16384 + 2
    assert (lines[-3], lines[-1]) == (b"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", b"255.255.255.255")


def test_pieces_without_blocks_are_the_same_octets():
    pieces = [b"a\nb/c\n", b"\n", b"/\n1.2.3.4/99\n"]

    assert list(without_blocks(iter(pieces), lambda: None)) == pieces
