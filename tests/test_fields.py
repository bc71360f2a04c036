"""The fields that a response makes, held to dnspython's reading of the same message."""

import base64
import json
import random
import struct
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import jsonschema
import pytest
from command import scan
from dns_peer import QR, DnsPeer, frame, response
from make_corpus import CORPUS, message, record
from rdata_samples import MAKERS
from record_oracle import disputed
from udp_peer import UdpPeer

from scanner.model import FIELDS
from scanner.native.output.fields import ResponseFields

A, NS, CNAME, SOA, TXT, DNAME, ANY = 1, 2, 5, 6, 16, 39, 255
ASKED = "www.example.com"
MADE_OF_RESPONSES = ("a", "ttl", "cn", "ans", "auth", "add", "soa", "sec", "fl", "ede", "nsid", "raw")
EVERYTHING = ResponseFields(MADE_OF_RESPONSES)


def described(octets: bytes, qtype: int = A, name: str = ASKED) -> dict:
    return json.loads(b'{"d":""' + EVERYTHING.describe(octets, name.encode(), qtype) + b"}")


def parsed(answer: str = "", authority: str = "", *, qtype: str = "A") -> bytes:
    """A response to ASKED, its sections written down as dnspython reads them."""
    text = f"id 1\nopcode QUERY\nflags QR RD RA\n;QUESTION\n{ASKED}. IN {qtype}\n;ANSWER\n{answer}"
    text += "\n" * bool(answer) + f";AUTHORITY\n{authority}"
    return dns.message.from_text(text, one_rr_per_rrset=True).to_wire()


def with_option(code: int, *datas: bytes) -> bytes:
    """A response whose OPT record has this option with each of these."""
    options = b"".join(struct.pack("!HH", code, len(data)) + data for data in datas)
    octets = parsed()
    return octets[:10] + b"\0\1" + octets[12:] + b"\0" + struct.pack("!HHIH", 41, 1232, 0, len(options)) + options


# -- the answer and the way to it --


def test_the_servers_of_a_referral_answer_a_question_for_them():
    servers = f"{ASKED}. 300 NS a.test.\n{ASKED}. 60 NS b.test."
    above = "example.com. 300 NS ns.example.com."
    soa = "\nexample.com. 300 SOA . . 1 2 3 4 5"

    row = described(parsed(authority=servers, qtype="NS"), NS)
    assert (row["a"], row["ttl"]) == (["a.test.", "b.test."], 60)
    for octets, qtype in (
        (parsed(authority=servers), A),
        (parsed(authority=above, qtype="NS"), NS),
        (parsed(authority=servers + soa, qtype="NS"), NS),
        (parsed(f"{ASKED}. 300 CNAME a.test.", servers, qtype="NS"), NS),
        (parsed(authority=servers, qtype="NS")[:3] + b"\x83" + parsed(authority=servers, qtype="NS")[4:], NS),
    ):
        row = described(octets, qtype)
        assert (row["a"], row["ttl"]) == ([], None)
    both = described(parsed(f"{ASKED}. 300 NS own.test.", servers, qtype="NS"), NS)
    assert both["a"] == ["own.test."]


def test_ttl_alone_knows_a_referral_too():
    octets = parsed(authority=f"{ASKED}. 60 NS b.test.", qtype="NS")

    assert ResponseFields(["ttl"]).describe(octets, ASKED.encode(), NS) == b',"ttl":60'
    assert ResponseFields(["cn"]).describe(octets, ASKED.encode(), NS) == b',"cn":[]'


def test_the_answer_is_what_was_asked_for_at_the_end_of_the_chain():
    row = described(parsed(
        f"{ASKED}. 300 CNAME a.example.net.\na.example.net. 60 CNAME b.example.org.\n"
        "b.example.org. 200 A 192.0.2.1\nb.example.org. 100 A 192.0.2.2\nb.example.org. 50 TXT x"))  # fmt: skip

    assert (row["a"], row["ttl"], row["cn"]) == (["192.0.2.1", "192.0.2.2"], 100, ["a.example.net.", "b.example.org."])


def test_what_a_stranger_owns_is_no_answer():
    row = described(parsed("evil.test. 300 A 192.0.2.102\nevil.test. 300 CNAME worse.test."))

    assert (row["a"], row["ttl"], row["cn"]) == ([], None, [])
    assert [each["name"] for each in row["ans"]] == ["evil.test.", "evil.test."]


def test_owners_are_compared_without_case_and_however_they_are_compressed():
    octets = parsed("WWW.Example.COM. 300 CNAME A.example.NET.\na.EXAMPLE.net. 300 A 192.0.2.1")

    assert described(octets)["a"] == ["192.0.2.1"]
    plain = message(record(b"\3wWw\7eXample\3com\0", A, b"\xc0\0\2\1"), question=b"\3www\7example\3com\0\0\1\0\1")
    assert described(plain)["a"] == ["192.0.2.1"]


def test_names_that_point_to_the_question_have_the_letters_of_the_input():
    """A datagram's name is sent in letters of mixed case (0x20); the message itself is told as it came."""
    octets = parsed(f"{ASKED}. 300 CNAME a.example.com.", "example.com. 300 NS ns.example.com.")
    mixed = octets.replace(b"\3www\7example\3com\0", b"\3wWw\7eXAMple\3coM\0", 1)

    assert described(mixed) == described(octets) | {"raw": base64.b64encode(mixed).decode()}


def test_a_chain_may_come_in_any_order():
    lines = [
        f"{ASKED}. 300 CNAME a.test.",
        "a.test. 300 CNAME b.test.",
        "b.test. 300 CNAME c.test.",
        "c.test. 9 A 192.0.2.1",
    ]

    for seed in range(24):
        row = described(parsed("\n".join(random.Random(seed).sample(lines, 4))))
        assert (row["cn"], row["a"]) == (["a.test.", "b.test.", "c.test."], ["192.0.2.1"])


def test_a_dname_substitutes_where_no_cname_says_the_same():
    dname = "example.com. 300 DNAME example.net."

    alone = described(parsed(f"{dname}\nwww.example.net. 300 A 192.0.2.1"))
    both = described(parsed(f"{dname}\n{ASKED}. 300 CNAME www.example.net.\nwww.example.net. 300 A 192.0.2.1"))
    assert alone["cn"] == both["cn"] == ["www.example.net."]
    assert alone["a"] == both["a"] == ["192.0.2.1"]
    assert described(parsed(f"{ASKED}. 300 DNAME a.test."))["cn"] == []  # its own name it does not rename
    assert described(parsed("ample.com. 300 DNAME a.test."))["cn"] == []  # no label of it


def test_a_dname_that_makes_a_name_too_long_ends_the_chain():
    longest = ".".join(3 * ["a" * 63] + ["b" * 57])

    assert described(parsed(f"example.com. 300 DNAME {longest}."))["cn"] == [f"www.{longest}."]
    assert described(parsed(f"example.com. 300 DNAME {longest}b."))["cn"] == []


@pytest.mark.parametrize("loop", [1, 2, 5])
def test_a_loop_ends_where_it_meets_itself(loop):
    names = [ASKED, *(f"n{number}.test" for number in range(1, loop))]
    lines = [f"{name}. 300 CNAME {names[(number + 1) % loop]}." for number, name in enumerate(names)]

    row = described(parsed("\n".join([*lines, *lines])))
    assert row["cn"] == [f"{name}." for name in [*names[1:], ASKED]]
    assert row["a"] == []


def test_a_chain_has_at_most_as_many_aliases_as_verdicts_look_at():
    lines = [f"{ASKED}. 300 CNAME n0.test.", *(f"n{i}.test. 300 CNAME n{i + 1}.test." for i in range(70))]

    row = described(parsed("\n".join(lines) + "\nn63.test. 300 A 192.0.2.1"))
    assert row["cn"] == [f"n{i}.test." for i in range(64)]
    assert row["a"] == ["192.0.2.1"]


def test_what_the_name_has_itself_goes_before_its_alias():
    row = described(parsed(f"{ASKED}. 300 CNAME a.test.\na.test. 300 A 192.0.2.2\n{ASKED}. 60 A 192.0.2.1"))

    assert (row["a"], row["ttl"], row["cn"]) == (["192.0.2.1"], 60, [])


def test_each_dname_is_followed_once():
    row = described(parsed("com. 300 DNAME x.com.\nwww.example.x.com. 60 A 192.0.2.1"))

    assert (row["a"], row["cn"]) == (["192.0.2.1"], ["www.example.x.com."])


def test_a_question_for_aliases_or_for_anything_follows_none():
    octets = parsed(f"{ASKED}. 300 CNAME a.test.\na.test. 200 A 192.0.2.1", qtype="CNAME")

    assert described(octets, CNAME)["a"] == ["a.test."]
    assert described(octets, CNAME)["cn"] == []
    row = described(parsed(f"{ASKED}. 300 A 192.0.2.1\n{ASKED}. 100 TXT x\na.test. 5 A 192.0.2.2", qtype="ANY"), ANY)
    assert (row["a"], row["ttl"]) == (["192.0.2.1", '"x"'], 100)


def test_records_of_another_class_are_no_answer():
    row = described(parsed(f"{ASKED}. 300 CH TXT x\n{ASKED}. 300 IN TXT y", qtype="TXT"), TXT)

    assert row["a"] == ['"y"']
    assert [each["data"] for each in row["ans"]] == ['"x"', '"y"']


def test_one_record_that_cannot_be_read_is_hex_and_the_others_stay():
    good, bad = record(b"\xc0\x0c", 28, bytes(15) + b"\1"), record(b"\xc0\x0c", 28, b"\xc0\0\2\1")
    row = described(message(good, bad, question=b"\3www\7example\3com\0\0\x1c\0\1"), 28)

    assert row["a"] == ["::1", "\\# 4 c0000201"]
    assert row["fl"] == "qr rd ra"


@pytest.mark.parametrize(("ttl", "read"), [(0, 0), (0x7FFFFFFF, 0x7FFFFFFF), (0x80000000, 0), (0xFFFFFFFF, 0)])
def test_a_ttl_with_its_highest_bit_set_is_0(ttl, read):
    """RFC 2181 section 8."""
    octets = message(
        b"\xc0\x0c" + struct.pack("!HHIH", A, 1, ttl, 4) + bytes(4), question=b"\3www\7example\3com\0\0\1\0\1"
    )
    row = described(octets)

    assert row["ttl"] == row["ans"][0]["ttl"] == read


# -- the rest --


def test_the_authority_tells_its_soa_and_who_owns_it():
    row = described(parsed(authority="example.com. 300 NS ns.example.com.\n"
                                     "example.com. 300 SOA ns.example.com. host.example.com. 1 2 3 4 5"))  # fmt: skip

    assert row["soa"] == "ns.example.com. host.example.com. 1 2 3 4 5"
    assert row["sec"] == "example.com."
    assert (described(parsed())["soa"], described(parsed())["sec"]) == (None, None)


def test_every_flag_has_its_letters():
    for bits in range(0x8000, 0x10000):
        if bits & 0x780F == 0:
            octets = struct.pack("!6H", 1, bits, 1, 0, 0, 0) + b"\1a\0\0\1\0\1"
            flags = ResponseFields(("fl",)).describe(octets, b"a", A)
            assert flags == b',"fl":"%b"' % dns.flags.to_text(bits & ~0x40).lower().encode()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"no zone", "no zone"),
        (b"ended\0", "ended"),
        (b"\xc3\xa4", "\\195\\164"),
        (b'\x1b"\\', '\\027"\\\\'),
    ],
)
def test_an_extended_error_is_its_code_and_its_text(data, text):
    row = described(with_option(15, b"\0\x16" + data, b"\xff\xff"))

    assert row["ede"] == [{"code": 22, "text": text}, {"code": 65535, "text": ""}]


def test_options_that_are_cut_or_unknown_are_passed_over():
    assert described(with_option(15, b"\0"))["ede"] == []
    assert described(with_option(65001, b"\0\x16"))["ede"] == []
    assert described(with_option(3, b"fra1.\xff", b"second"))["nsid"] == "fra1.\\255"
    assert described(with_option(3, b""))["nsid"] == ""
    assert described(with_option(10, b"12345678"))["nsid"] is None
    assert described(parsed())["nsid"] is None


def test_the_options_themselves_stand_in_the_additional_section():
    row = described(with_option(10, b"12345678"))

    assert row["add"] == [{"name": ".", "ttl": 0, "type": "OPT", "data": "\\# 12 000a00083132333435363738"}]


def test_the_message_is_there_in_base64():
    octets = parsed(f"{ASKED}. 300 A 192.0.2.1")

    assert base64.b64decode(described(octets)["raw"]) == octets


# -- whole messages --


def sections(octets: bytes) -> dict:
    """As dnspython reads them."""
    read = dns.message.from_wire(octets, one_rr_per_rrset=True)
    return {
        key: [
            {"name": each.name.to_text(), "ttl": each.ttl, "type": dns.rdatatype.to_text(each.rdtype),
             "data": squeezed(each[0].to_text())}
            for each in section
        ]
        for key, section in (("ans", read.answer), ("auth", read.authority), ("add", read.additional))
    }  # fmt: skip


def squeezed(text: str) -> str:
    """Without spaces: dnspython breaks long hex and base64."""
    return text.replace(" ", "")


def made(rng: random.Random) -> bytes:
    """A response with records of all types, owned by the name asked, its aliases and strangers."""
    owners = [b"\xc0\x0c", b"\xc0\x10", b"\3WWW\xc0\x10", b"\5alias\xc0\x10", b"\1x\5other\0", b"\0"]
    records, counts = [], [1]
    for _ in range(3):
        types = rng.sample(list(MAKERS), rng.randrange(6))
        records += [record(rng.choice(owners), dns.rdatatype.from_text(rtype), rdata(rtype, rng)) for rtype in types]
        counts.append(len(types))
    return message(*records, counts=tuple(counts), question=b"\3www\7example\3com\0\0\1\0\1")


def rdata(rtype: str, rng: random.Random) -> bytes:
    """Names in it uncompressed, or to the name asked: the places of the samples are not in this message."""
    if rtype in ("NS", "CNAME", "PTR"):
        return rng.choice((b"\xc0\x0c", b"\xc0\x10", b"\5alias\xc0\x10", b"\0"))
    while True:
        octets = MAKERS[rtype](rng)
        if not any(b"\xc0" + bytes([place]) in octets for place in (12, 16, 24, 28, 29, 38, 45)):
            return octets


def test_whole_sections_are_as_dnspython_reads_them():
    rng = random.Random(13)

    for _ in range(500):
        octets = made(rng)
        row = described(octets)
        ours = {key: [{**each, "data": squeezed(each["data"])} for each in row[key]] for key in ("ans", "auth", "add")}
        assert ours == sections(octets), octets.hex()


def renamed(name: dns.name.Name, dname) -> list[dns.name.Name]:
    """What a DNAME makes of it, if anything."""
    if name == dname.name or not name.is_subdomain(dname.name):
        return []
    return [name.relativize(dname.name).derelativize(dname[0].target)]


def alias_of(name: dns.name.Name, records: list) -> list[tuple]:
    """The record that leads on, and where to."""
    cnames = [(each, each[0].target) for each in records if each.rdtype == CNAME and each.name == name]
    dnames = [(each, target) for each in records if each.rdtype == DNAME for target in renamed(name, each)]
    return (cnames + dnames)[:1]


def chain(octets: bytes, qtype: int) -> tuple[list[str], list[int], list[str]]:
    """Aliases, TTLs and answers, of a plain reading of the RFCs; each record leads on once."""
    records = dns.message.from_wire(octets, one_rr_per_rrset=True).answer
    names, used = [dns.name.from_text(ASKED)], []
    while not any(each.rdtype == qtype and each.name == names[0] for each in records):
        alias = alias_of(names[-1], records)
        if not alias or any(alias[0][0] is each for each in used):
            break
        used.append(alias[0][0])
        names.append(alias[0][1])
    found = [each for each in records if each.rdtype == qtype and each.name == names[-1]]
    return [name.to_text() for name in names[1:]], [each.ttl for each in found], [each[0].to_text() for each in found]


def test_answers_and_aliases_are_those_of_a_plain_reading():
    rng, lengths = random.Random(7), set()
    owners = [b"\xc0\x0c", b"\xc0\x10", b"\3www\1x\0", b"\1x\0", b"\1Y\0", b"\3www\1y\0", b"\7example\1y\0"]
    for _ in range(3000):
        records = [
            record(rng.choice(owners), rng.choice((A, A, CNAME, CNAME, DNAME)), b"") for _ in range(rng.randrange(9))
        ]
        for index, each in enumerate(records):
            kind = each[-9]
            rdata = rng.randbytes(4) if kind == A else rng.choice(owners[2:] if kind == DNAME else owners)
            records[index] = each[:-6] + struct.pack("!IH", rng.choice((60, 300)), len(rdata)) + rdata
        octets = message(*records, question=b"\3www\7example\3com\0\0\1\0\1")
        row = described(octets)
        aliases, ttls, answers = chain(octets, A)
        assert [name.lower() for name in row["cn"]] == [name.lower() for name in aliases], octets.hex()
        assert (row["a"], row["ttl"]) == (answers, min(ttls, default=None))
        lengths.add(len(aliases))

    assert lengths >= {0, 1, 2, 3, 4}


SCHEMA = Path(__file__).parent.parent / "scanner" / "results" / "result.schema.json"
SCHEMA_OF_LINES = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))


HEAVY = [name for name, octets in CORPUS.items() if len(octets) > 50_000]


@pytest.mark.parametrize("name", CORPUS)
def test_every_oddity_makes_a_line_that_keeps_to_the_schema(name):
    octets = EVERYTHING.describe(CORPUS[name], b"a.com", NS)
    row = {"d": "a.com", "s": "taken", "r": 0, "ms": 0, "re": True, **json.loads(b"{" + octets[1:] + b"}")}

    assert list(row)[5:] == list(MADE_OF_RESPONSES)
    assert octets.isascii()
    assert name in HEAVY or disputed(row, CORPUS[name]) is None
    if len(octets) < 100_000:  # thousands of records take seconds, and are all alike
        assert [error.message for error in SCHEMA_OF_LINES.iter_errors(row)] == []


def test_of_a_message_cut_anywhere_or_mutated_each_record_is_as_dnspython_reads_it(full):
    rng = random.Random(4)

    for _ in range(1_000_000 if full else 3000):
        wire = bytearray(made(rng))
        for _ in range(rng.randrange(6)):
            wire[rng.randrange(12, len(wire))] = rng.choice((0, 1, 0x3F, 0x40, 0xC0, 0xFF, rng.randrange(256)))
        wire[12:33] = b"\3www\7example\3com\0\0\1\0\1"  # what fits no question is described to nobody
        del wire[rng.choice((len(wire), rng.randrange(33, len(wire) + 1))) :]
        row = described(bytes(wire), rng.choice((A, NS, CNAME, DNAME, TXT, ANY)))
        assert len(row) == 1 + len(MADE_OF_RESPONSES)
        assert (reason := disputed(row, bytes(wire))) is None, (reason, wire.hex())


def test_fields_are_written_in_the_order_of_their_list():
    for chosen in (("raw", "a"), ("nsid", "cn", "fl"), tuple(reversed(MADE_OF_RESPONSES))):
        octets = ResponseFields(chosen).describe(parsed(), ASKED.encode(), A)
        assert list(json.loads(b"{" + octets[1:] + b"}")) == [key for key in FIELDS if key in chosen]


# -- in a scan --

EMPTY_OPT = b"\0\0\x29\4\xd0\0\0\0\0\0\0"
EDE = b"\0\0\x29\4\xd0\0\0\0\0\0\x0e\0\x0f\0\x0a\0\x06bogus\0\0\0"


def failing(query) -> bytes:
    octets = response(query, 2, flags=QR)
    return octets[: -len(EMPTY_OPT)] + EDE


@pytest.mark.parametrize("way", ["tcp", "udp"])
def test_a_failure_says_what_the_last_response_said(way):
    def script(talk) -> None:
        for query in talk.queries():
            talk.send(frame(failing(query)))

    peer = DnsPeer(script) if way == "tcp" else UdpPeer(lambda datagram: datagram.send(failing(datagram.query)))
    with peer:
        done = scan("-r", peer.address, "--fields", ",".join(FIELDS), "--retries", 0, names="is1.example\n")

    (row,) = done.rows
    assert (row["s"], row["e"], row["r"]) == ("error", "servfail", 2)
    assert row["ede"] == [{"code": 6, "text": "bogus\\000\\000"}]
    assert row["why"].endswith("; EDE 6: bogus\\000\\000")
    assert row["fl"] == "qr rd ra"
    assert SCHEMA_OF_LINES.is_valid(row)


def test_lists_are_empty_where_there_was_no_response():
    def silent(talk) -> None:
        for _ in talk.queries():
            pass

    with DnsPeer(silent) as peer:
        done = scan("-r", peer.address, "--fields", ",".join(FIELDS), "--retries", 0, "--timeout-ms", 100,
                    "--no-second-pass", names="is1.example\ntwo words\n")  # fmt: skip

    assert {row["e"] for row in done.rows} == {"timeout", "badname"}
    for row in done.rows:
        assert [row[key] for key in ("a", "cn", "ans", "auth", "add", "ede")] == 6 * [[]]
        assert row.keys().isdisjoint(("ttl", "soa", "sec", "fl", "nsid", "raw"))
        assert "EDE" not in row["why"]
        assert row["us"] // 1000 in (row["ms"], row["ms"] - 1)
        assert SCHEMA_OF_LINES.is_valid(row)
