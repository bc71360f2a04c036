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


def question(name: str, kind: str, *, recursion: bool) -> bytes:
    """The octets of a query; RD is set when asked for. Off the hot path."""
    from dns.flags import RD
    from dns.message import make_query

    return make_query(name, kind, flags=RD if recursion else 0).to_wire()


def answer_to(query: bytes, response: bytes) -> list[str]:
    """The records of the type asked for that the name has, or what it is an alias of; none of a message that is no
    response to the query."""
    from dns.exception import DNSException
    from dns.message import QueryMessage, from_wire

    try:
        asked, parsed = from_wire(query), from_wire(response)
        if not isinstance(parsed, QueryMessage) or not asked.is_response(parsed):
            return []
        return [rdata.to_text() for rdata in parsed.resolve_chaining().answer or ()]
    except (DNSException, ValueError):
        return []
