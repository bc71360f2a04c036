"""What a line says of the path that its answer came by: made once for each path, the same for all its lines."""

from collections.abc import Sequence

import orjson

from scanner.model import place_text
from scanner.paths.path import Path

ZDNS_PROTOCOLS = {"udp": "udp", "tcp": "tcp", "tls": "DoT"}


def tags_for(path: Path, form: str, fields: Sequence[str], *, by_stream: bool = False) -> bytes:
    """Members of a JSON object, each after a comma. `by_stream`: streams bring the answers, also those of a udp://
    resolver that no datagram could hold."""
    target = path.stream_target if by_stream else path.target
    place = orjson.dumps(place_text(target.address, target.port))
    if form == "massdns":
        return b',"resolver":%b,"proto":"%b"' % (place, b"UDP" if target.scheme == "udp" else b"TCP")
    if form == "zdns":
        return b',"protocol":"%b","resolver":%b' % (ZDNS_PROTOCOLS[target.scheme].encode(), place)
    tags = b""
    if "ns" in fields:
        tags += b',"ns":' + orjson.dumps(str(path.target))
    if "p" in fields:
        tags += b',"p":' + (b"null" if path.proxy is None else b"%d" % path.egress)
    return tags
