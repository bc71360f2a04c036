"""What the lab's TCP servers share: a listening port, and a task for each connection."""

import asyncio
import ssl
from contextlib import suppress

BUFFER = 65536  # octets of one read


class Listener:
    """`serve` has one connection, which is closed when it returns; a lost peer ends it silently."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()  # kept, or the loop would lose them

    async def listen(self, port: int, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> int:
        """Start; returns the port. OSError when it is taken."""
        server = await asyncio.start_server(self._begin, host, port, backlog=4096, limit=BUFFER, ssl=tls)
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and end every connection."""
        for server in self._servers:
            server.close()
        while self._tasks:  # a connection that was taken in already begins one more
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._served(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, TimeoutError):
            try:
                writer.transport.set_write_buffer_limits(BUFFER)  # uvloop's own is 512 KiB under TLS
                await self.serve(reader, writer)
            finally:
                writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise NotImplementedError


def send(writer: asyncio.StreamWriter, octets: bytes) -> None:
    """Write, unless the peer was lost meanwhile: uvloop would raise RuntimeError."""
    if not writer.is_closing():
        writer.write(octets)
