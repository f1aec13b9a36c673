"""The process of a director without Ray: ``python -m grps.cluster.local.process FOLDER``."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path

from grps.cluster.archives import CHUNK_BYTES, ArchiveFolder
from grps.cluster.commands import Commands
from grps.cluster.director import Director
from grps.cluster.local.hosts import LocalHosts
from grps.cluster.state import FileStore

SOCKET, STATE, ARCHIVES = "director.sock", "state.json", "archives"
MOST_BYTES = CHUNK_BYTES + 1024


def serve(folder: Path, is_ended: threading.Event) -> None:
    """Direct the replicas of this machine until the event is set."""
    os.chdir(folder)  # the path of a socket must be short
    archives = ArchiveFolder(folder / ARCHIVES)
    hosts = LocalHosts(archives.path_of)
    director = Director(hosts, FileStore(folder / STATE), archives)
    about = {"kind": "local", "host": socket.gethostname(), "pid": os.getpid()}
    commands = Commands(director, archives, about)
    listener = _listen()
    threading.Thread(target=_accept, args=(listener, commands), daemon=True).start()
    try:
        director.run(is_ended)
    finally:
        director.close()
        Path(SOCKET).unlink(missing_ok=True)


def _listen() -> Listener:
    """Listen; the socket has its name once it can be connected to, which is later than its file."""
    unfinished = f"{SOCKET}.{os.getpid()}"
    Path(unfinished).unlink(missing_ok=True)
    mask = os.umask(0o177)
    listener = Listener(unfinished, "AF_UNIX")
    os.umask(mask)
    # A second name: the listener removes its own when it ends.
    named = Path(f"{unfinished}.named")
    named.unlink(missing_ok=True)
    os.link(unfinished, named)
    named.replace(SOCKET)
    return listener


def _accept(listener: Listener, commands: Commands) -> None:
    while True:
        with suppress(OSError, EOFError):
            connection = listener.accept()
            threading.Thread(target=_answer, args=(connection, commands), daemon=True).start()


def _answer(connection: Connection, commands: Commands) -> None:
    """Answer the requests of one connection: bytes, never objects."""
    with suppress(OSError, EOFError), connection:
        while True:
            request = connection.recv_bytes(MOST_BYTES)
            chunk = connection.recv_bytes(MOST_BYTES)
            connection.send_bytes(commands.answer(request, chunk))


def main() -> int:
    """Direct until SIGTERM; the replicas run on."""
    folder = Path(sys.argv[1]).resolve()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    is_ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: is_ended.set())
    serve(folder, is_ended)
    return 0


if __name__ == "__main__":
    # Threads that watch replicas would hold up the end.
    code = main()
    sys.stderr.flush()
    os._exit(code)
