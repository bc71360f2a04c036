"""What dnspython has against the records of a message as fields tell them."""

import dns.exception
import dns.rdata
import dns.rdatatype
from rdata_samples import BLOBS, MAKERS, in_one_piece

REFUSES = {"DS", "CDS", "TLSA", "SMIMEA", "SSHFP", "ZONEMD", "SVCB", "HTTPS"}
"""Types of which dnspython refuses contents that it reads: a digest of another length, parameters that others need."""

INTERNET = {"A", "AAAA", "SRV", "NAPTR", "SVCB", "HTTPS"}
"""Types that only class IN has."""

Place = tuple[int, int, int, int]  # type, class, offset and size of a record's data


def places(message: bytes) -> list[list[Place]]:
    """Of the records of each section, as far as they are whole."""
    at = 12
    found: list[list[Place]] = []
    for section in range(4):
        count, whole = int.from_bytes(message[4 + 2 * section : 6 + 2 * section], "big"), []
        for _ in range(min(count, 1) if section == 0 else count):
            at = behind_name(message, at)
            fixed = 4 if section == 0 else 10
            size = int.from_bytes(message[at + 8 : at + 10], "big") if section else 0
            if at + fixed + size > len(message):
                at = len(message) + 1
                break
            number, class_ = (
                int.from_bytes(message[at : at + 2], "big"),
                int.from_bytes(message[at + 2 : at + 4], "big"),
            )
            at += fixed + size
            whole.append((number, class_, at - size, size))
        found.append(whole)
    return found[1:]


def behind_name(message: bytes, at: int) -> int:
    """Beyond the end where it is cut or none."""
    while at < len(message):
        size = message[at]
        if size == 0:
            return at + 1
        if size >= 0xC0:
            return at + 2
        if size > 63:
            break
        at += 1 + size
    return len(message) + 1


def disputed(row: dict, message: bytes) -> str | None:
    """None when there is nothing."""
    for key, section in zip(("ans", "auth", "add"), places(message), strict=True):
        if len(row[key]) != len(section):
            return f"{key}: {len(row[key])} records, not {len(section)}"
        for each, place in zip(row[key], section, strict=True):
            if reason := disputed_record(each, message, place):
                return f"{key}: {each}: {reason}"
    return None


def disputed_record(told: dict, message: bytes, place: Place) -> str | None:
    number, class_, at, size = place
    rtype = dns.rdatatype.to_text(dns.rdatatype.RdataType.make(number))
    if told["type"] != rtype:
        return rtype
    unknown = f"\\# {size} {message[at : at + size].hex()}".rstrip()
    known = rtype in MAKERS and (class_ == 1 or rtype not in INTERNET)
    reference = text_of(message, place) if known else None
    if told["data"] == reference or (told["data"] == unknown and (reference is None or rtype in BLOBS)):
        return None
    if known and reference is None and (rtype in REFUSES or has_many_pointers(message)):
        return None
    if told["data"] == unknown and len(message) > 3000:
        return None  # what is spelled out may have been used up
    return f"dnspython says {reference}"


def text_of(message: bytes, place: Place) -> str | None:
    """None where dnspython refuses it."""
    number, class_, at, size = place
    try:
        parsed = dns.rdata.from_wire(class_, number, message, at, size)
        return in_one_piece(dns.rdatatype.to_text(parsed.rdtype), parsed.to_text())
    except (dns.exception.DNSException, ValueError):
        return None


def has_many_pointers(message: bytes) -> bool:
    """More than dnspython follows for one name."""
    return sum(octet >= 0xC0 for octet in message) > 16
