"""TCP connections to an address or a name, non-blocking. What goes wrong is an OSError."""

import asyncio
import errno
import os
import socket


async def connected(host: str, port: int, timeout_s: float) -> socket.socket:
    """To the first of the host's addresses that takes us, IPv4 first. Each gets its share of the time. Raises OSError,
    TimeoutError among them."""
    addresses = await addresses_of(host, port)
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        begun_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(timeout_s / left):
                return await connected_to(family, address)
        except OSError:
            if left == 1:
                raise
        timeout_s -= asyncio.get_running_loop().time() - begun_s
    raise OSError("no address")


async def connected_to(family: int, address: tuple[object, ...]) -> socket.socket:
    """To one address. Raises OSError. Not by the loop's sock_connect: uvloop's looks the address up again, in a pool of
    threads, and dies by abort() where there is no memory for these."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        code = sock.connect_ex(address)
        if code in (errno.EINPROGRESS, errno.EINTR):
            await writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


async def writable(sock: socket.socket) -> None:
    """Until it is."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_writer(sock, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_writer(sock)


async def addresses_of(host: str, port: int) -> list[tuple[socket.AddressFamily, tuple[object, ...]]]:
    """Family and socket address of each; an IP address is not looked up. Raises socket.gaierror for a name that is not
    found."""
    name = host.encode("ascii")  # as octets, which Python does not check for labels that are too long
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return sorted(((entry[0], entry[4]) for entry in found), key=lambda each: each[0] != socket.AF_INET)
