"""Records off the hot path, by dnspython, which lives only here: type names, and single questions and their answers."""

NOERROR = 0


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


def question(name: str, kind: str, *, recursion: bool) -> bytes:
    """The octets of a query; RD is set when asked for. Off the hot path."""
    from dns.flags import RD
    from dns.message import make_query

    return make_query(name, kind, flags=RD if recursion else 0).to_wire()


def answer_to(query: bytes, response: bytes) -> tuple[int | None, list[str]]:
    """RCODE, and the answer's records of the type asked for; (None, []) for what is no response to the query."""
    from dns.exception import DNSException
    from dns.message import from_wire

    try:
        asked, parsed = from_wire(query), from_wire(response)
    except (DNSException, ValueError):
        return None, []
    if not asked.is_response(parsed):
        return None, []
    kind = asked.question[0].rdtype
    return int(parsed.rcode()), [rdata.to_text() for rrset in parsed.answer if rrset.rdtype == kind for rdata in rrset]
