"""Records off the hot path, by dnspython, which lives only here: type names, and answers in presentation form."""

from collections.abc import Callable, Sequence


def type_number(text: str) -> int | None:
    """The number of an RR type's mnemonic (`ns`, `A`, `TYPE65`), None when there is none such."""
    from dns.rdatatype import UnknownRdatatype, from_text

    try:
        return int(from_text(text))
    except (UnknownRdatatype, ValueError):
        return None


def type_text(number: int) -> str:
    """The mnemonic of a type number; `TYPE65534` where it has none."""
    from dns.rdatatype import RdataType, to_text

    return to_text(RdataType.make(number))


def describer(fields: Sequence[str]) -> Callable[[bytes], bytes] | None:
    """A function from a response's octets to the JSON of fields a, sec and fl; None when none is asked for."""
    wanted = [field for field in ("a", "sec", "fl") if field in fields]
    if not wanted:
        return None
    return lambda message: describe(message, wanted)


def describe(message: bytes, wanted: Sequence[str]) -> bytes:
    """`,"a":[...],"sec":"...","fl":"qr rd ra"`; a part that dnspython cannot read is null. Texts are ASCII."""
    import json

    from dns.exception import DNSException
    from dns.flags import to_text
    from dns.message import from_wire

    parts: dict[str, object] = dict.fromkeys(wanted)
    try:
        parsed = from_wire(message, ignore_trailing=True)
    except (DNSException, ValueError):
        parsed = None
    if parsed is not None:
        known: dict[str, Callable[[], object]] = {
            "a": lambda: [rdata.to_text() for rrset in parsed.answer for rdata in rrset],
            "sec": lambda: next((str(rrset.name) for rrset in parsed.authority if rrset.rdtype == 6), None),
            "fl": lambda: to_text(parsed.flags).lower(),
        }
        parts = {field: known[field]() for field in wanted}
    return b"".join(b',"%b":%b' % (field.encode(), json.dumps(value).encode()) for field, value in parts.items())
