"""The question before the scan to all udp:// resolvers: one socket for each address family, however many they are."""

import asyncio
import contextlib
import secrets
import select
import socket
from collections.abc import Sequence

from scanner.model import Resolver
from scanner.native.message.query import encode
from scanner.native.verdict import classify
from scanner.paths.canary import A, Heard, names_of_nobody
from scanner.transports.icmp import report_errors, take_errors

AT_ONCE = 64  # datagrams read or sent before others have their turn
BACKOFF_S = 0.001  # after a full buffer

Address = tuple[str, int, int]  # text of the address, port, scope


class DatagramCanaries:
    """Asks each resolver its few names."""

    def __init__(self, resolvers: Sequence[Resolver]) -> None:
        self._resolvers = resolvers
        self._open: dict[Address, dict[int, bytes]] = {}  # names that were not answered, by message ID
        self._heard: dict[Address, Heard] = {}
        self._all_asked = False
        self._over = asyncio.Event()
        self._sockets: dict[int, socket.socket] = {}  # by address family

    async def faults(self, timeout_s: float) -> list[str]:
        """What is wrong with each; "" when nothing is known to be, or it was not heard of in time."""
        if not self._resolvers:
            return []
        targets = [target_of(resolver) for resolver in self._resolvers]
        try:
            self._poll = select.epoll()  # the loop would stop to watch a socket with an error
        except OSError:  # no descriptor is left
            return [""] * len(targets)
        asyncio.get_running_loop().add_reader(self._poll.fileno(), self._read)
        try:
            async with asyncio.timeout(timeout_s):
                for target in dict.fromkeys(targets):
                    if target is not None:
                        await self._ask(target)
                self._all_asked = True
                self._look()
                await self._over.wait()
        except TimeoutError:
            pass
        finally:
            self._close()
        return ["" if target is None else self._heard[target].fault for target in targets]

    async def _ask(self, target: Address) -> None:
        self._heard[target] = Heard(0, 0, 0)
        asked = self._open[target] = {secrets.randbelow(65536): name.encode() for name in names_of_nobody()}
        address, port, scope = target
        try:
            sock = self._socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            where = (address, port, 0, scope) if ":" in address else (address, port)
            for message_id, name in list(asked.items()):
                await send(sock, encode(name, A, message_id), where)
        except OSError:  # it cannot be reached from here
            self._open.pop(target, None)
        if len(self._heard) % AT_ONCE == 0:
            await asyncio.sleep(0)

    def _socket(self, family: int) -> socket.socket:
        if family not in self._sockets:
            sock = self._sockets[family] = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                report_errors(sock)
            self._poll.register(sock, select.EPOLLIN)
        return self._sockets[family]

    def _close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._poll.fileno())
        self._poll.close()
        for sock in self._sockets.values():
            sock.close()

    def _read(self) -> None:
        for sock in self._sockets.values():
            self._drain(sock)
        self._look()

    def _drain(self, sock: socket.socket) -> None:
        for where in take_errors(sock):
            self._open.pop(address_of(where), None)
        for _ in range(AT_ONCE):
            try:
                data, source = sock.recvfrom(4096)
            except BlockingIOError:
                break
            except OSError:  # of one that was sent: it is in the queue
                continue
            self._hear(data, address_of(source))

    def _hear(self, data: bytes, source: Address) -> None:
        asked = self._open.get(source, {})
        message_id = int.from_bytes(data[:2], "big")
        if message_id in asked and (found := classify(data, asked[message_id], A)):
            del asked[message_id]
            responses, taken, referrals = self._heard[source]
            heard = Heard(responses + 1, taken + (found == ("taken", "")), referrals + (found == ("error", "referral")))
            self._heard[source] = heard
            if heard.is_enough:
                del self._open[source]

    def _look(self) -> None:
        if self._all_asked and not self._open:
            self._over.set()


async def send(sock: socket.socket, octets: bytes, where: tuple[object, ...]) -> None:
    """Send, when there is room. An error of an earlier datagram is not this one's. Raises OSError."""
    tries = 2
    while True:
        try:
            sock.sendto(octets, where)
            return
        except BlockingIOError:
            await asyncio.sleep(BACKOFF_S)
        except OSError:
            tries -= 1
            if tries == 0:
                raise


def target_of(resolver: Resolver) -> Address | None:
    """Where it is; None where there is no such interface."""
    address, _, zone = resolver.address.partition("%")
    try:
        scope = socket.if_nametoindex(zone) if zone else 0
    except OSError:
        return None
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.inet_ntop(family, socket.inet_pton(family, address)), resolver.port, scope


def address_of(source: tuple[object, ...]) -> Address:
    """The same of an address of Python's sockets."""
    return str(source[0]).partition("%")[0], int(str(source[1])), int(str(source[3])) if len(source) > 3 else 0
