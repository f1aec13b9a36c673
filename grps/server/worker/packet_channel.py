"""What the channels of a worker have in common: packets to the server and from it."""

from __future__ import annotations

import mmap
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence

from grps.server.worker.packets import Blobs, Pipe, Received

_NOTE = struct.Struct("<Q")


class PacketChannel(ABC):
    """Where the instance of this process gets its work from."""

    def __init__(self, pipe: Pipe, note: int) -> None:
        """Take work from ``pipe``; the number of what is begun goes to the file ``note``."""
        self._pipe = pipe
        self._note = mmap.mmap(note, _NOTE.size)
        # User code may send chunks and look for its clients from threads of its own.
        self._lock = threading.RLock()
        self._current: str | None = None
        self.ended = False
        """Whether the server has exited."""

    def detach(self, down: str | None = None) -> None:  # noqa: B027 - nothing to do here
        """Do nothing: the server sees the end of the process."""

    def current_request(self) -> str | None:
        """Return the request that this process works on, for logs."""
        return self._current

    def set_current(self, request: str) -> None:
        """Set the request that this process works on."""
        self._current = request

    def send(self, kind: int, meta: Sequence[object], blobs: Blobs) -> None:
        """Send a packet to the server."""
        with self._lock:
            self._pipe.send(kind, meta, blobs)

    def look(self) -> None:
        """Read what the server has sent meanwhile: which clients have disconnected."""
        with self._lock:
            # Between two pieces of work, the next packet is the next piece.
            if not self._is_busy():
                return
            try:
                while (packet := self._pipe.receive(wait=False)) is not None:
                    self._take(packet)
            except EOFError:
                self.ended = True

    def _note_begun(self, number: int) -> None:
        """Note what is begun before the first line of user code runs: no other worker begins it."""
        _NOTE.pack_into(self._note, 0, number)

    @abstractmethod
    def _is_busy(self) -> bool:
        """Return whether work has begun that is not answered."""

    @abstractmethod
    def _take(self, packet: Received) -> object:
        """Take over a packet that came while work is done."""
