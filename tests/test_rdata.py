"""Presentation form of rdata, native, held to dnspython: good records, each cut at every octet, and mutated ones.

Where the two differ the reason stands here, and why we are right: dnspython refuses contents that its tables do not
allow (the length of a digest of a known kind, parameters that contradict each other), where presentation form can say
them well; we refuse what presentation form cannot say (nothing at all as hex or base64).
"""

import json
import random
import struct

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.rdtypes.svcbbase
import dns.wire
import pytest
from rdata_samples import AT, BLOBS, MAKERS, NAMES, in_one_piece, message_with

from scanner.native.message.rdata import rdata_text
from scanner.native.message.types import mnemonic

IN, CH = 1, 3


def ours(rtype: str, rdata: bytes, *, rclass: int = IN, room: int = 1 << 20, more: bytes = b"") -> str:
    text = rdata_text(message_with(rdata, more=more), AT, len(rdata), dns.rdatatype.from_text(rtype), rclass, room)
    assert text.isascii()
    assert text.isprintable()
    return json.loads(f'"{text}"')


def unknown(rdata: bytes) -> str:
    return f"\\# {len(rdata)} {rdata.hex()}".rstrip()


def theirs(rtype: str, rdata: bytes) -> str | None:
    """What dnspython prints; None where it refuses the record."""
    try:
        parsed = dns.rdata.from_wire(IN, rtype, message_with(rdata), AT, len(rdata))
        return in_one_piece(rtype, parsed.to_text())
    except (dns.exception.DNSException, ValueError):
        return None


def parameters(rdata: bytes) -> list[str]:
    """SVCB's, each by dnspython's class for it, which knows nothing of the others."""
    found = []
    while rdata:
        key, size = struct.unpack_from("!HH", rdata)
        value = rdata[4 : 4 + size]
        reader = dns.rdtypes.svcbbase._class_for_key.get(key, dns.rdtypes.svcbbase.GenericParam)
        parsed = reader.from_wire_parser(dns.wire.Parser(value))
        name = dns.rdtypes.svcbbase.key_to_text(key)
        found.append(name if parsed is None else f"{name}={parsed.to_text()}")
        rdata = rdata[4 + size :]
    return found


def says_it_well(rtype: str, rdata: bytes, text: str) -> bool:
    """That a text which dnspython would not have written says what the record holds, read independently."""
    words = text.split(" ")
    if rtype in ("SVCB", "HTTPS"):
        target, size = dns.name.from_wire(rdata, 2)
        return words == [
            str(rdata[0] << 8 | rdata[1]),
            target.to_text(),
            *" ".join(parameters(rdata[2 + size :])).split(" "),
        ]
    forms = {"DS": "!HBB", "CDS": "!HBB", "TLSA": "!BBB", "SMIMEA": "!BBB", "SSHFP": "!BB", "ZONEMD": "!IBB"}
    form = forms[rtype]
    return struct.pack(form, *map(int, words[:-1])) + bytes.fromhex(words[-1]) == rdata


def compare(rtype: str, rdata: bytes) -> str:
    """Asserts that ours is right, and says how it is."""
    text, reference = ours(rtype, rdata), theirs(rtype, rdata)
    if text == reference:
        return "same"
    if text == unknown(rdata):
        if reference is None:
            return "refused by both"
        assert rtype in BLOBS  # nothing at all in hex or base64: dnspython's own reader refuses its text
        with pytest.raises((dns.exception.DNSException, ValueError)):
            dns.rdata.from_text(IN, rtype, reference)
        return "nothing"
    assert reference is None, (rtype, rdata.hex(), text, reference)
    assert says_it_well(rtype, rdata, text), (rtype, rdata.hex(), text)
    return "only ours"


@pytest.mark.parametrize("rtype", MAKERS)
def test_good_records_are_written_as_dnspython_writes_them(rtype):
    rng = random.Random(rtype)

    found = {compare(rtype, MAKERS[rtype](rng)) for _ in range(500)}

    assert found == {"same"}


@pytest.mark.parametrize("rtype", MAKERS)
def test_a_record_cut_at_any_octet_or_with_one_more_is_hex_or_what_it_says(rtype):
    rng = random.Random(rtype)

    found = set()
    for _ in range(40):
        rdata = MAKERS[rtype](rng)
        found |= {compare(rtype, rdata[:size]) for size in range(min(len(rdata), 400))}
        found.add(compare(rtype, rdata + rng.randbytes(1)))

    assert "refused by both" in found or rtype in ("OPENPGPKEY",)


@pytest.mark.parametrize("rtype", MAKERS)
def test_mutated_records_never_say_what_dnspython_would_not(rtype, full):
    rng = random.Random(rtype)

    for _ in range(20_000 if full else 1000):
        rdata = bytearray(MAKERS[rtype](rng))
        for _ in range(rng.randrange(1, 4)):
            rdata[rng.randrange(len(rdata))] = rng.choice((0, 1, 0x3F, 0x40, 0xC0, 0xFF, rng.randrange(256)))
        if rng.random() < 0.2:
            del rdata[rng.randrange(len(rdata)) :]
        compare(rtype, bytes(rdata))


def test_every_octet_of_a_record_may_have_any_value():
    rng = random.Random(1)

    for rtype, make in MAKERS.items():
        rdata = min((make(rng) for _ in range(20)), key=len)
        for at in range(len(rdata)):
            for value in range(256):
                compare(rtype, rdata[:at] + bytes([value]) + rdata[at + 1 :])


def test_every_type_has_dnspythons_mnemonic():
    assert all(
        mnemonic(number) == dns.rdatatype.to_text(dns.rdatatype.RdataType.make(number)) for number in range(65536)
    )


@pytest.mark.parametrize(
    "rtype", ["NULL", "WKS", "MINFO", "X25", "KX", "CERT", "APL", "IPSECKEY", "HIP", "EUI48", "TYPE65534"]
)
def test_a_type_that_is_not_known_is_written_as_rfc_3597_says(rtype):
    assert ours(rtype, b"\x0a\0\0\1") == "\\# 4 0a000001"
    assert ours(rtype, b"") == "\\# 0"
    dns.rdata.from_text(IN, "TYPE65534", ours(rtype, b"\x0a\0\0\1"))  # can be read


@pytest.mark.parametrize("rtype", ["A", "AAAA", "SRV", "NAPTR", "SVCB", "HTTPS"])
def test_types_of_the_internet_are_unknown_in_another_class(rtype):
    rdata = MAKERS[rtype](random.Random(2))

    assert ours(rtype, rdata, rclass=CH) == unknown(rdata)
    assert ours("TXT", b"\1x", rclass=CH) == '"x"'


# -- names --


def pointers(count: int) -> bytes:
    """So many, each to the one before, the first to www.example.com; they stand at AT."""
    return b"\xc0\x0c" + b"".join(struct.pack("!H", 0xC000 | AT + 2 * index) for index in range(count - 1))


def test_a_name_may_have_as_many_pointers_as_labels():
    """dnspython stops at 16. RFC 1035 has no limit, and a message in which each owner is one label longer than the one
    before reaches 126."""
    before = pointers(200)
    for count in (2, 16, 17, 127, 128):
        rdata = struct.pack("!H", 0xC000 | AT + 2 * (count - 2))
        text = json.loads(f'"{rdata_text(message_with(before + rdata), AT + len(before), 2, 2)}"')

        assert text == ("www.example.com." if count < 128 else unknown(rdata))


NO_NAMES = (b"\xc0\x2f", b"\xc0\x30", b"\xff\xff", b"\xc0", b"\x01", b"\x40a\0", b"\x80a\0", b"\1a\xc0\x2f", b"")


@pytest.mark.parametrize("rdata", NO_NAMES, ids=bytes.hex)
def test_pointers_that_do_not_go_back_and_labels_that_cannot_be_are_hex(rdata):
    """AT is 47: a pointer to itself, beyond, into the same name."""
    assert ours("NS", rdata, more=b"\0" * 10) == unknown(rdata)


def test_a_name_has_at_most_255_octets():
    def labels(last: int) -> bytes:
        return 3 * (b"\x3f" + 63 * b"a") + bytes([last]) + last * b"a" + b"\0"

    assert ours("NS", labels(61)) == ".".join([*(3 * [63 * "a"]), 61 * "a", ""])
    assert ours("NS", labels(62)) == unknown(labels(62))
    assert ours("NS", labels(61)[:-1] + b"\xc0\x1c") == ours("NS", labels(61))  # the root by a pointer
    assert ours("NS", 127 * b"\1a" + b"\0") == 127 * "a."
    assert "\\#" in ours("NS", 128 * b"\1a" + b"\0")


@pytest.mark.parametrize("rtype", ["DNAME", "NSEC", "RRSIG", "SVCB", "HTTPS"])
def test_a_compressed_name_where_none_may_be_is_hex(rtype):
    """RFC 3597 section 4: only types of RFC 1035, and a few that it lists, may be compressed."""
    before = {"RRSIG": 18 * b"\0", "SVCB": b"\0\1", "HTTPS": b"\0\1"}.get(rtype, b"")
    after = b"\xff" if rtype == "RRSIG" else b""

    assert ours(rtype, before + b"\xc0\x0c" + after) == unknown(before + b"\xc0\x0c" + after)
    assert "www.example.com." in ours(rtype, before + NAMES[:17] + after)


# -- room --


@pytest.mark.parametrize("rtype", MAKERS)
def test_a_record_for_which_there_is_too_little_room_is_hex(rtype):
    """Whatever the room, it is whole or hex; and it never writes beyond (the sanitizers see that)."""
    rng = random.Random(rtype)

    for _ in range(20):
        rdata = MAKERS[rtype](rng)
        whole = ours(rtype, rdata)
        texts = {ours(rtype, rdata, room=room) for room in [*range(300), 1000, 5000]}
        assert texts <= {whole, unknown(rdata)}
        assert unknown(rdata) in texts


# -- where dnspython differs --


def test_contents_that_a_registry_does_not_know_are_still_written():
    """RFC 4034 section 5.3 says how a DS is written, whatever the length of its digest; dnspython refuses it."""
    assert theirs("DS", b"\0\1\x08\2\xab") is None
    assert ours("DS", b"\0\1\x08\2\xab") == "1 8 2 ab"
    assert ours("CDS", b"\0\0\0\0\0") == "0 0 0 00"  # RFC 8078: remove it


def test_a_service_without_its_own_consistency_is_written():
    """Keys may be missing that others need (RFC 9460 section 8), and AliasMode has parameters that are ignored (section
    2.4.2): neither is malformed."""
    assert ours("HTTPS", b"\0\1\0" + b"\0\0\0\2\0\3") == '1 . mandatory="port"'
    assert ours("HTTPS", b"\0\1\0" + b"\0\2\0\0") == "1 . no-default-alpn"
    assert ours("HTTPS", b"\0\0\0" + b"\0\3\0\2\1\xbb") == '0 . port="443"'


def test_the_values_of_a_list_are_escaped_as_values_and_then_as_a_string():
    assert ours("SVCB", b"\0\1\0" + b"\0\1\0\6" + b'\5h\\,2"') == '1 . alpn="h\\\\\\\\\\\\,2\\""'
