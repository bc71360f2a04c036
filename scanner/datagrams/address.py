"""Where the datagrams of a path go."""

import socket
from dataclasses import dataclass

from scanner.native.path import PathState
from scanner.paths.path import Path


@dataclass(frozen=True, slots=True)
class Address:
    """A path as the native engine is given it (native/udp/engine.pyi)."""

    state: PathState
    address: str
    port: int
    scope: int
    tags: bytes
    ranks: tuple[int, ...] = (0,)  # in each of the state's routes: its place in the list

    @property
    def where(self) -> tuple[object, ...]:
        """Its address for Python's sockets."""
        return (self.address, self.port, 0, self.scope) if ":" in self.address else (self.address, self.port)


def address_of(path: Path, tags: bytes, ranks: tuple[int, ...]) -> Address:
    """The address of a path's resolver; `tags` is the JSON of fields ns and p, `ranks` its places
    in the lists of its routes. Raises OSError where
    there is no such interface."""
    address, _, zone = path.target.address.partition("%")
    return Address(path.state, address, path.target.port, socket.if_nametoindex(zone) if zone else 0, tags, ranks)
