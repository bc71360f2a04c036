"""The end of one scan beside the begin of the next: both are of one machine, and share its rates (`dnsscan cluster`).

The one that ends keeps a share, as much as its last names can use, and says so; the next has the rest, and all when the
first is gone. Their sum is never more than the whole.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable

VARIABLE = "DNSSCAN_HANDOVER"  # the number of a descriptor, of a socket to who runs both
SHARE = struct.Struct("=d")  # from the scan: what it keeps; to the scan: what it has
LEAST, MOST = 1 / 16, 1 / 2  # that the one that ends keeps
QUERIES = 2.0  # a second, for each name that it has left: they are tried again after seconds, not at once


class Handover:
    """`pace(share)` has all rates be that share of what they are. Until more is said, it is half."""

    def __init__(self, descriptor: int, pace: Callable[[float], None]):
        self._socket = socket.socket(fileno=descriptor)
        self._socket.setblocking(False)
        self._pace, self._share, self._is_told = pace, MOST, False
        pace(MOST)
        asyncio.get_running_loop().add_reader(self._socket, self._heard)

    def last_names(self, left: int, most: float) -> None:
        """None waits to be asked, `left` wait for an answer; the rates allow `most` queries a second. Tell it, when a
        share is enough for them."""
        share = max(QUERIES * left / most, LEAST)
        if self._is_told or share > min(self._share, MOST):
            return
        self._is_told = True
        self._pace(share)
        with contextlib.suppress(OSError):  # nobody listens any more
            self._socket.send(SHARE.pack(share))

    def close(self) -> None:
        """The scan is over."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _heard(self) -> None:
        octets = b""
        with contextlib.suppress(OSError):
            octets = self._socket.recv(SHARE.size)
        if len(octets) < SHARE.size:
            asyncio.get_running_loop().remove_reader(self._socket)
        elif not self._is_told:
            (self._share,) = SHARE.unpack(octets)
            self._pace(self._share)


def handover_for(pace: Callable[[float], None]) -> Handover | None:
    """Where this process was begun with one."""
    descriptor = os.environ.pop(VARIABLE, "")
    return Handover(int(descriptor), pace) if descriptor else None
