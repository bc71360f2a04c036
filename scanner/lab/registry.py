"""What the lab's registries share: the form of a reply, how it is sent, and the log of what was asked. No protocol."""

import asyncio
import os
import socket
import struct
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from itertools import repeat
from pathlib import Path
from urllib.parse import quote

from scanner.errors import ScanError
from scanner.lab.listener import BUFFER, Listener

ASKED_MAX = 100_000  # names whose trouble is over after some times; the oldest is forgotten first


class End(Enum):
    """What becomes of the connection after a reply."""

    KEEP = auto()
    CLOSE = auto()
    RESET = auto()
    HANG = auto()  # until the client leaves


@dataclass(frozen=True)
class Reply:
    """What is sent, and how. `pieces` are the octets of one write each, made as they are sent; they are read once."""

    status: int | None  # of HTTP; None: WHOIS, or nothing is sent that has one
    pieces: Iterable[bytes] = ()
    end: End = End.CLOSE
    delay_s: float = 0  # before the first piece
    pause_s: float = 0  # before every further piece


class Log:
    """One line for each request, written at once; without a path none."""

    def __init__(self, path: Path | None):
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = None if path is None else os.open(path, flags, 0o600)
        except OSError as error:
            raise ScanError(f"lab: cannot write the log {path}: {error.strerror}") from None

    def add(self, protocol: str, tld: str, name: str, status: int | None) -> None:
        """Monotonic seconds, then words; what a name may not hold is percent-encoded."""
        if self._descriptor is not None:
            line = f"{time.monotonic():.6f} {protocol} {tld} {quote(name[:300]) or '-'} {status or '-'}\n"
            os.write(self._descriptor, line.encode())

    def close(self) -> None:
        """What is added later goes nowhere: a connection may be served for a little longer."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Registry(Listener):
    """A server that counts how often a name was asked, and sends replies."""

    def __init__(self, log: Log):
        super().__init__()
        self.log = log
        self._asked: dict[str, int] = {}

    def times_asked(self, name: str) -> int:
        """How often before; counts this time."""
        times = self._asked.pop(name, 0)
        self._asked[name] = times + 1
        if len(self._asked) > ASKED_MAX:
            del self._asked[next(iter(self._asked))]
        return times

    async def send(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The whole reply and its end. Holds no more of it than the socket's buffer."""
        await asyncio.sleep(reply.delay_s)
        pause_s = 0.0
        for piece in reply.pieces:
            await asyncio.sleep(pause_s)
            if writer.is_closing():
                return
            writer.write(piece)
            await writer.drain()
            pause_s = reply.pause_s
        if reply.end is End.HANG:
            while await reader.read(BUFFER):
                pass
        elif reply.end is End.RESET:
            reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """RST instead of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def flood(octets: bytes, size: int) -> Iterator[bytes]:
    """The same octets again and again, `size` octets at least, in writes of one buffer."""
    piece = octets * (BUFFER // len(octets))
    return repeat(piece, -(-size // len(piece)))
