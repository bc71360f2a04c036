"""Records off the hot path, by dnspython, which lives only here: type names, and single questions and their answers."""


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


def type_words() -> tuple[str, ...]:
    """The mnemonics of all types that hold data, and ANY, in the order of their numbers."""
    from dns.rdatatype import RdataType, is_metatype

    return tuple(each.name.replace("_", "-") for each in sorted(RdataType)
                 if each is RdataType.ANY or (each and not is_metatype(each)))  # fmt: skip


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
