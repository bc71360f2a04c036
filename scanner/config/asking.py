"""What queries say beside a name and a type: header flags, class, EDNS. Texts become checked ones, and those octets."""

from ipaddress import ip_address, ip_network

from scanner.config.values import Values
from scanner.errors import ScanError
from scanner.model import FLAGS, RCODES
from scanner.text import shown

NSID, ECS, COOKIE = 3, 8, 10
ECS_BITS = {4: 24, 6: 56}  # where none are given: as many as RFC 7871 section 11.1 lets a resolver tell
RCODE_MAX = 23  # of those that are assigned (RFC 6895 section 2.3)
OPTIONS_MAX = 256  # octets of all options


def flags(values: Values) -> tuple[str, ...]:
    """Those to be set, in the order of the table."""
    wanted = words_of(values, "flags")
    for word in wanted:
        if word not in FLAGS:
            raise ScanError(f"{values.where('flags')}: {shown(word)} is not known; flags are {', '.join(FLAGS)}")
    if "do" in wanted and values.value("no_edns"):
        raise ScanError(f"{values.where('flags')}: do stands in EDNS, which --no-edns takes away")
    return tuple(word for word in FLAGS if word in wanted)


def failover(values: Values) -> tuple[str, ...]:
    """RCODEs that send a name to another resolver, by their names, in the order of their numbers."""
    found: dict[int, str] = {}
    for word in words_of(values, "failover"):
        try:
            code = rcode_of(word)
        except ValueError as error:
            raise ScanError(f"{values.where('failover')}: {shown(word)} {error}") from None
        found[code] = next((name for name, number in RCODES.items() if number == code), f"rcode{code}")
    return tuple(found[code] for code in sorted(found))


def rcode_of(word: str) -> int:
    """`SERVFAIL`, `rcode11`. Raises ValueError."""
    name = word.upper()
    if name == "NOERROR":
        raise ValueError("is the answer: nothing else is to be asked for")
    if name in RCODES:
        return RCODES[name]
    number = name.removeprefix("RCODE")
    if number != name and number.isascii() and number.isdigit() and len(number) <= 2 and 1 <= int(number) <= RCODE_MAX:
        return int(number)
    raise ValueError(f"is no RCODE; they are {', '.join(RCODES)}, and rcode11 to rcode{RCODE_MAX}")


def edns(values: Values, *, tunnelled: bool, warnings: list[str]) -> tuple[str, ...]:
    """The options, each in its full form."""
    found: dict[int, str] = {}
    for text in words_of(values, "edns"):
        try:
            code, whole = option(text)
        except ValueError as error:
            raise ScanError(f"{values.where('edns')}: {shown(text)} {error}") from None
        if code in found:
            raise ScanError(f"{values.where('edns')}: {shown(text)}: option {code} is given twice")
        found[code] = whole
    if found and values.value("no_edns"):
        raise ScanError(f"{values.where('edns')}: --no-edns leaves no place for it")
    if len(octets_of(tuple(found.values()))) > OPTIONS_MAX:
        raise ScanError(f"{values.where('edns')}: more than {OPTIONS_MAX} octets of options")
    if tunnelled and ECS in found:
        warnings.append(f"{found[ECS]} is told to every resolver, through the proxies too")
    return tuple(found.values())


def words_of(values: Values, key: str) -> list[str]:
    """What stands between commas, in a list or in one text."""
    return [word for text in values.texts(key) or () for word in text.replace(" ", "").split(",") if word]


def option(text: str) -> tuple[int, str]:
    """The code of an option, and its full form. Raises ValueError."""
    name, equals, value = text.partition("=")
    if text in ("nsid", "cookie"):
        return (NSID if text == "nsid" else COOKIE), text
    if name == "ecs" and equals:
        return ECS, f"ecs={network(value)}"
    if not (name.isascii() and name.isdigit() and len(name) <= 5 and equals):
        raise ValueError("is none of nsid, ecs=NETWORK, cookie, NUMBER=HEX")
    code = int(name)
    if code == COOKIE:
        raise ValueError("is made anew for each server: use cookie")
    if not 1 <= code <= 65534:
        raise ValueError("is no option: NUMBER is 1 to 65534")
    try:
        return code, f"{code}={bytes.fromhex(value).hex()}"
    except ValueError:
        raise ValueError("is not NUMBER=HEX, two digits an octet") from None


def network(text: str) -> str:
    """An address or a network, the rest of whose bits are zero. Raises ValueError."""
    try:
        address, _, bits = text.partition("/")
        return str(ip_network(f"{address}/{bits or ECS_BITS[ip_address(address).version]}", strict=False))
    except ValueError:
        raise ValueError("is not ecs=NETWORK, for example ecs=192.0.2.0/24") from None


def octets_of(options: tuple[str, ...]) -> bytes:
    """Options in their full form as they stand in OPT (RFC 6891 section 6.1.2); the cookie is each path's own."""
    fixed = [(code, data) for code, data in map(encoded, options) if code != COOKIE]
    return b"".join(code.to_bytes(2) + len(data).to_bytes(2) + data for code, data in fixed)


def encoded(whole: str) -> tuple[int, bytes]:
    """Code and data of one option."""
    name, _, value = whole.partition("=")
    if name == "nsid":
        return NSID, b""
    if name == "cookie":
        return COOKIE, b""
    if name == "ecs":
        subnet = ip_network(value)
        family = 1 if subnet.version == 4 else 2
        used = subnet.network_address.packed[: (subnet.prefixlen + 7) // 8]
        return ECS, family.to_bytes(2) + bytes([subnet.prefixlen, 0]) + used  # RFC 7871 section 6
    return int(name), bytes.fromhex(value)
