"""The canaries of all udp:// resolvers: one socket for each address family, however many they are."""

import asyncio
import contextlib
import select
import socket
from collections.abc import Callable, Sequence

from scanner.model import Resolver
from scanner.paths.asking import Asking
from scanner.transports.icmp import report_errors, take_errors

AT_ONCE = 64  # resolvers asked before others have their turn,
READ_AT_ONCE = 512  # and datagrams read: more than come meanwhile, or their buffer would overflow
RCVBUF = 1 << 20  # octets, where the kernel gives as much: thousands may answer at once
BACKOFF_S = 0.001  # after a full buffer
AGAIN = (0.06, 0.2, 0.5)  # shares of the whole time, after which what is open is asked again: datagrams get lost

Address = tuple[str, int, int]  # text of the address, port, scope


class DatagramCanaries:
    """Asks each of `askings` what is open; `ended` is called once for each."""

    def __init__(self, askings: Sequence[Asking], ended: Callable[[Asking], None]) -> None:
        self._askings, self._ended = askings, ended
        self._open: dict[Address, Asking] = {}
        self._over = asyncio.Event()
        self._count = 0  # times that one was asked
        self._sockets: dict[int, socket.socket] = {}  # by address family
        self._poll: select.epoll | None = None  # the loop would stop to watch a socket with an error

    async def ask(self, timeout_s: float) -> None:
        """Until each is over, or has had its time."""
        left = [asking for asking in self._askings if not self._enter(asking)]
        try:
            if self._open:
                self._poll = select.epoll()
                asyncio.get_running_loop().add_reader(self._poll.fileno(), self._read)
                async with asyncio.timeout(timeout_s):
                    await self._ask_again_and_again(timeout_s)
        except (TimeoutError, OSError):  # or no descriptor is left
            pass
        finally:
            self._close()
        for asking in [*left, *self._open.values()]:
            self._ended(asking)

    def _enter(self, asking: Asking) -> bool:
        """False where there is nothing to ask, or no way there."""
        target = target_of(asking.resolver) if asking.open else None
        if target is None or target in self._open:
            return False
        self._open[target] = asking
        return True

    async def _ask_again_and_again(self, timeout_s: float) -> None:
        before = 0.0
        for share in (*AGAIN, 1.0):
            for target in list(self._open):
                await self._ask(target)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout((share - before) * timeout_s):
                    await self._over.wait()
            if not self._open:
                return
            before = share

    async def _ask(self, target: Address) -> None:
        asking = self._open.get(target)
        for message_id in asking.open if asking is not None else ():
            await self._send(target, message_id)
        self._count += 1
        if self._count % AT_ONCE == 0:
            await asyncio.sleep(0)

    async def _send(self, target: Address, message_id: int) -> None:
        asking = self._open.get(target)
        if asking is None or not asking.is_open(message_id):
            return
        address, port, scope = target
        try:
            sock = self._socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            await send(sock, asking.query(message_id), (address, port, 0, scope) if ":" in address else (address, port))
        except OSError:  # it cannot be reached from here
            self._end(target)

    def _socket(self, family: int) -> socket.socket:
        if family not in self._sockets:
            sock = self._sockets[family] = socket.socket(family, socket.SOCK_DGRAM)
            sock.setblocking(False)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RCVBUF)
                report_errors(sock)
            if self._poll is not None:
                self._poll.register(sock, select.EPOLLIN)
        return self._sockets[family]

    def _end(self, target: Address) -> None:
        asking = self._open.pop(target, None)
        if asking is not None:
            self._ended(asking)
        if not self._open:
            self._over.set()

    def _close(self) -> None:
        if self._poll is not None:
            asyncio.get_running_loop().remove_reader(self._poll.fileno())
            self._poll.close()
        for sock in self._sockets.values():
            sock.close()

    def _read(self) -> None:
        for sock in list(self._sockets.values()):
            self._drain(sock)

    def _drain(self, sock: socket.socket) -> None:
        for where in take_errors(sock):
            self._end(address_of(where))
        for _ in range(READ_AT_ONCE):
            try:
                data, source = sock.recvfrom(4096)
            except BlockingIOError:
                break
            except OSError:  # of one that was sent: it is in the queue
                continue
            self._hear(data, address_of(source), sock, source)

    def _hear(self, data: bytes, target: Address, sock: socket.socket, source: tuple[object, ...]) -> None:
        asking = self._open.get(target)
        ids = asking.hear(data) if asking is not None else None
        if asking is None or ids is None:
            return
        for message_id in ids:
            with contextlib.suppress(OSError):  # then it is asked again later
                sock.sendto(asking.query(message_id), source)
        if not asking.open or asking.is_cut:
            self._end(target)


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
