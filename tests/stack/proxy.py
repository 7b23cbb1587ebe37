"""A way to PostgreSQL that can lose an answer: what was asked has happened, and who asked sees a broken connection."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_COMMIT = b".metadata.json"  # twice in the change of a table's row: the new metadata file, and the one it replaces


class Proxy:
    """Carries bytes both ways; `lose` tells which of the next catalog commits loses its answer."""

    def __init__(self, address: str) -> None:
        host, _, port = address.rpartition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._left = 0
        self.commits = 0
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, commit: int) -> None:
        """Lose the answer to the next commit (1), or to the one after so many."""
        with self._lock:
            self._left, self.commits, self.lost = commit, 0, 0

    def close(self) -> None:
        """Take no further connection."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.create_connection(self._server)
        is_lost = threading.Event()
        threading.Thread(target=self._answer, args=(server, client, is_lost), daemon=True).start()
        with suppress(OSError):
            while sent := client.recv(1 << 16):
                if sent.count(_COMMIT) >= 2 and self._is_next():
                    is_lost.set()
                server.sendall(sent)
        server.close()

    def _answer(self, server: socket.socket, client: socket.socket, is_lost: threading.Event) -> None:
        with suppress(OSError):
            while said := server.recv(1 << 16):
                if is_lost.is_set():  # it answers when it has committed
                    self.lost += 1
                    client.shutdown(socket.SHUT_RDWR)
                    break
                client.sendall(said)
        client.close()

    def _is_next(self) -> bool:
        with self._lock:
            self.commits += 1
            self._left -= 1
            return self._left == 0


@contextmanager
def proxy(address: str) -> Iterator[Proxy]:
    """A proxy before that server, for as long as it is used."""
    way = Proxy(address)
    try:
        yield way
    finally:
        way.close()
