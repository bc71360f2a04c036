"""The servers of a zone are found again when their TTL has passed, and where they were not found."""

import asyncio

from scanner.model import Resolver
from scanner.registry.messages import NXDOMAIN, Reply
from scanner.registry.registry import Registry
from scanner.registry.truth import Examiner
from scanner.registry.zones import NotFound, Zone


class Found:
    """A finder whose answers are given: a zone, or an error, the last one again and again."""

    def __init__(self, *answers: Zone | NotFound):
        self._answers = list(answers)

    async def zone_of(self, suffix: str, *, anew: bool = False) -> Zone:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, NotFound):
            raise answer
        return answer

    async def close(self) -> None:
        pass


class Authoritative:
    """Every server knows its zone."""

    async def ask(self, server: Resolver, name: str, kind: str, *, recursive: bool, patience: int = 1) -> Reply:
        return Reply(NXDOMAIN, True, False, (), (), ())

    def close(self) -> None:
        pass


class Told:
    """What engines were told."""

    def __init__(self) -> None:
        self.routes: list = []
        self.directions: list = []

    def add_route(self, *, nowhere: str, why: str) -> int:
        self.routes.append(nowhere)
        return len(self.routes)

    def serve(self, route: int, servers: list[Resolver]) -> None:
        self.routes[route - 1] = [server.address for server in servers]

    def direct(self, directions: list) -> None:
        self.directions += directions


def told(*answers: Zone | NotFound, suffixes: tuple[bytes, ...] = (b"uk",), ticks: int = 1) -> tuple[Told, list[str]]:
    """What engines and the user are told, while time passes."""
    engines, warnings = Told(), []

    async def run() -> None:
        registry = Registry(
            Found(*answers), Examiner(Authoritative(), [2]), engines, warnings.append, renew_least_s=0.02
        )
        registry.want(suffixes)
        for _ in range(ticks):
            await asyncio.sleep(0.05)
            registry.tick()
        await asyncio.sleep(0.05)
        registry.input_ended()
        await registry.close()

    asyncio.run(run())
    return engines, warnings


def zone(*addresses: str, ttl_s: float = 3600) -> Zone:
    return Zone("uk", tuple(Resolver("tcp", address, 53) for address in addresses), ttl_s)


def test_suffixes_of_one_zone_take_one_route():
    engines, _ = told(zone("192.0.2.1", "192.0.2.2"), suffixes=(b"uk", b"co.uk"))

    assert engines.routes == [["192.0.2.1", "192.0.2.2"]]
    assert sorted(engines.directions) == [("co.uk", 1), ("uk", 1)]


def test_a_zone_whose_ttl_has_passed_is_found_again_and_its_new_servers_are_asked():
    engines, _ = told(zone("192.0.2.1", ttl_s=0), zone("192.0.2.2"))

    assert engines.routes == [["192.0.2.1"], ["192.0.2.2"]]
    assert engines.directions == [("uk", 1), ("uk", 2)]


def test_a_zone_that_is_not_found_again_keeps_its_servers():
    engines, warnings = told(zone("192.0.2.1", ttl_s=0), NotFound("timeout", "no answer"), ticks=2)

    assert (engines.routes, engines.directions, warnings) == ([["192.0.2.1"]], [("uk", 1)], [])


def test_servers_that_were_not_found_are_looked_for_again_when_the_input_has_ended():
    engines, warnings = told(NotFound("servfail", "SERVFAIL"))

    assert engines.routes == ["servfail"]
    assert engines.directions == [("uk", 1), ("uk", None)]
    assert warnings == ["the servers of uk were not found: SERVFAIL; its names end in error until they are"]
