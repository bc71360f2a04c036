"""Input lines: every octet sequence gives one line out for each line in; what is no plain name is classified."""

import contextlib
import random
from functools import partial

import orjson
import pytest
from debug_build import fewer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scanner.input.line import classify_line
from scanner.native.jobs.pool import JobPool
from scanner.native.message.query import encode
from scanner.native.message.response import inspect
from scanner.native.output.buffer import LineBuffer


def results_of(chunks, **options):
    """Every name fails at once: what is left is one line for each input line."""
    buffer, out = LineBuffer(), []
    pool = JobPool(buffer, (2,), classify_line=classify_line, room_made=lambda: None, fields=("n", "why"), **options)
    for chunk in chunks:
        pool.feed(chunk)
        while pool.fail(7, 1.0, 1000):
            out += buffer.take().splitlines()
    pool.end()
    while pool.fail(7, 1.0, 1000) or buffer.used:
        out += buffer.take().splitlines()
    return [orjson.loads(line) for line in out], pool


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 40))
@example(b"\xef\xbb\xbfa.com\r\n", 1)
def test_any_octets_give_one_line_for_each_line(octets, size):
    chunks = [octets[i : i + size] for i in range(0, len(octets), size)]
    lines = octets.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    wanted = [n for n, line in enumerate(lines, 1) if not is_blank(line, n)]

    results, pool = results_of(chunks)

    assert sorted(line["n"] for line in results) == wanted
    assert pool.books.count("read") == len(lines)
    assert pool.books.count("blank") == len(lines) - len(wanted)
    assert pool.done


def is_blank(line, number):
    if number == 1:
        line = line.removeprefix(b"\xef\xbb\xbf")
    line = line.strip(b" \t\r")
    return not line or line.startswith(b"#")


def test_a_line_is_cut_the_same_wherever_the_chunks_are_cut():
    octets = b"a.com\n# c\n\nb.com\r\n  c.com \nx y\nlast.org"
    whole, _ = results_of([octets])

    for cut in range(len(octets)):
        assert results_of([octets[:cut], octets[cut:]])[0] == whole


def test_a_line_of_4096_octets_is_looked_at_and_one_of_4097_is_not():
    (fits, over), _ = results_of([b"a" * 4096 + b"\n" + b"a" * 4097 + b"\n"])

    assert fits["why"] == "label too long (> 63 octets)"
    assert over["why"] == "line too long (> 4096 octets)"
    assert len(over["d"]) == 256


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"a..b", "empty label"),
        (b".a", "empty label"),
        (b"example.com..", "empty label"),
        (b"a" * 64 + b".com", "label too long (> 63 octets)"),
        (b".".join([b"a" * 63] * 4), "name too long (> 253 characters)"),
        (b"exa mple.com", "space"),
        (b"http://example.com/x", "looks like a URL"),
        (b"user@example.com", "looks like an address (user@)"),
        (b"example.com:443", "looks like host:port"),
        (b"*.example.com", "wildcard"),
        (b"192.0.2.1", "IP address (use --ptr)"),
        (b"2001:db8::1", "IP address (use --ptr)"),
        (b"example.com,1.1.1.1", "unexpected column"),
        (b"a\\.b.com", "escapes are not understood"),
        (b"a\0b", "control character \\000"),
        (b"\xff.com", "not UTF-8"),
        ("\u00a0a.com".encode(), "space"),
        ("😀.ws".encode(), "not a name by IDNA 2008"),
        (b"$(id).com", "character $"),
        ("a\u2028b".encode(), "space"),
    ],
)
def test_what_is_not_a_name_says_why(text, why):
    (line,), _ = results_of([text + b"\n"])

    assert (line["e"], line["why"]) == ("badname", why)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("faß.de", "xn--fa-hia.de"),
        ("münchen.de", "xn--mnchen-3ya.de"),
        ("\uff45xample\u3002com", "example.com"),
    ],
)
def test_names_beyond_ascii_are_asked_by_their_a_label(text, asked):
    (line,), _ = results_of([text.encode() + b"\n"])

    assert (line["d"], line["q"]) == (text, asked)


@pytest.mark.parametrize(
    "text",
    [
        "_dmarc.example.com",
        "a" * 63 + ".com",
        "-rf.com",
        "xn--a",
        "x.123a",
        "com",
        ".",
        "example.com.",
        ".".join(["a" * 49] * 5) + ".abc",
        "foo.123",
    ],
)
def test_names_that_dns_allows_are_asked_as_they_stand(text):
    (line,), _ = results_of([text.encode() + b"\n"])

    assert (line["d"], line["e"]) == (text, "connection")


def test_an_address_is_asked_by_its_reverse_name_when_wanted():
    text, d, reason, _ = classify_line(b"192.0.2.1", ptr=True)

    assert (text, d, reason) == (b"1.2.0.192.in-addr.arpa", b"192.0.2.1", 0)


@pytest.mark.parametrize("text", ["localhost", "foo.local", "x.onion", "1.0.0.127.in-addr.arpa", "invalid", "a.TEST."])
def test_special_use_names_are_held_back_when_asked_to(text):
    buffer = LineBuffer()
    classify = partial(classify_line, special=True)
    pool = JobPool(buffer, (2,), classify_line=classify, room_made=lambda: None, special=True)
    pool.feed(text.encode() + b"\nexample.com\n")
    pool.end()

    pool.fail(7, 1.0, 10)

    assert [orjson.loads(line)["e"] for line in buffer.take().splitlines()] == ["special", "connection"]


def test_a_million_lines_take_no_more_memory_than_is_allowed_at_once():
    buffer = LineBuffer()
    pool = JobPool(buffer, (2,), classify_line=classify_line, room_made=lambda: None, live_max=100)
    pool.feed(b"x\n" * 100_000)

    taken = pool.fail(7, 1.0, 1_000_000)

    assert 0 < taken < 100_000
    assert buffer.used < 2 * buffer.limit


@given(st.lists(st.text("abcXYZ019-_", min_size=1, max_size=63), min_size=1, max_size=4), st.integers(0, 65535))
def test_an_encoded_query_is_what_dnspython_reads(labels, message_id):
    import dns.message

    text = ".".join(labels).encode()

    query = dns.message.from_wire(encode(text, 28, message_id))

    assert query.id == message_id
    assert query.question[0].name.labels[:-1] == tuple(label.encode() for label in labels)
    assert query.question[0].rdtype == 28


def test_a_response_cut_anywhere_is_never_taken_for_whole():
    import dns.message
    import dns.rrset

    message = dns.message.make_response(dns.message.make_query("a.com", "NS", use_edns=0))
    message.answer.append(dns.rrset.from_text("a.com.", 60, "IN", "NS", "ns1.b.com.", "ns2.b.com."))
    wire = message.to_wire()

    assert inspect(wire, b"a.com", 2) == (0, 2, False)
    for cut in range(len(wire)):
        with contextlib.suppress(ValueError):
            assert inspect(wire[:cut], b"a.com", 2) is None


def test_pointers_that_loop_are_broken_messages_and_cost_nothing():
    header = bytes.fromhex("0001818000010001000000000161 03636f6d00 0002 0001".replace(" ", ""))
    for pointer in (b"\xc0\x17", b"\xc0\xff", b"\xff\xff"):
        with pytest.raises(ValueError, match="broken"):
            inspect(header + pointer + bytes(10), b"a.com", 2)


def test_random_octets_never_crash_the_reader():
    rng = random.Random(7)
    header = bytes.fromhex("000181800001000500050005016103636f6d0000020001")
    for _ in range(fewer(20_000)):
        with contextlib.suppress(ValueError):
            inspect(header + rng.randbytes(rng.randrange(80)), b"a.com", 2)
