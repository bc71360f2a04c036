"""What the scripted TCP servers share: a port of 127.0.0.1 (or of `host`), and a thread for each connection."""

import contextlib
import socket
import threading
from typing import Self


class Listener:
    """`serve(connection)` is called in a thread of its own; `connections` counts them, `open` are those that live."""

    connections: int = 0
    host = "127.0.0.1"

    def __enter__(self) -> Self:
        self.lock = threading.Lock()
        self.stopping = False
        self.open: set[socket.socket] = set()
        self.listener = socket.create_server((self.host, 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while not self.stopping:
                connection, _ = self.listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self.lock:
                    self.connections += 1
                    self.open.add(connection)
                threading.Thread(target=self.served, args=(connection,), daemon=True).start()

    def served(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), connection:
            self.serve(connection)
        self.open.discard(connection)

    def serve(self, connection: socket.socket) -> None:
        """One connection, which closes when this returns."""
        raise NotImplementedError
