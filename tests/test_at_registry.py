"""Names are asked of the servers of their registries: those that the zone of their public suffix is delegated to. BIND
is the root, knot and NSD have the zones below it, unbound resolves; every verdict is what the zone files hold."""

import json

import pytest
import registry_servers as net
from command import Scan, scan

RESOLVER = net.RESOLVER


@pytest.fixture(scope="module")
def internet(tmp_path_factory):
    with net.internet(tmp_path_factory.mktemp("internet")) as root:
        yield root


def at_registry(config: dict, names: list[str], *args: object) -> Scan:
    lines = json.dumps({"at_registry": True, **config}) + "\n" + "\n".join(names) + "\n"
    return scan("--config", "-", "--fields", "ns,why", *args, names=lines)


def told(done: Scan) -> dict[str, tuple[str, str | None]]:
    return {row["d"]: (row["s"], row.get("e")) for row in done.rows}


@pytest.mark.parametrize("config", [
    {"resolvers": [RESOLVER]},
    {"resolvers": [f"udp://{RESOLVER}"]},
    {"from_root_hints": True, "root_hints": "{}"},
    {"from_root_hints": True, "root_hints": "udp://{}"},
], ids=["tcp", "udp", "root, tcp", "root, udp"])  # fmt: skip
def test_every_verdict_is_what_the_zone_of_the_registry_holds(config, internet):
    names = net.candidates(20)
    config = {key: value.format(internet) if key == "root_hints" else value for key, value in config.items()}

    done = at_registry(config, names)

    found = told(done)
    assert (done.code, len(done.rows)) == (0, len(names)), done.err
    assert [(name, found[name]) for name in names if found[name] != net.expected(name)] == [], done.err
