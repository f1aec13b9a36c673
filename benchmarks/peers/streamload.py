"""Closed-loop HTTP/1.1 stream load.

N connections, each: send a request, read the whole stream, repeat. Reads its
configuration as JSON on stdin and prints JSON: streams finished, chunks per
second, time to first chunk (ttfc), time between chunks (gap), stream duration,
reads per stream. Chunks that arrive together have no time between them.
"""

import json
import select
import socket
import sys
import time
from typing import Any

MAX_ERRORS = 50


class Connection:
    """One client connection and the state of its current stream."""

    def __init__(self, address: tuple[str, int], request: bytes, marker: bytes) -> None:
        self.address, self.request, self.marker = address, request, marker
        self.sock: socket.socket | None = None
        self.begin()

    def begin(self) -> None:
        """Reset the stream state, connect if needed, send the request."""
        if self.sock is None:
            self.sock = socket.create_connection(self.address)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.started = time.perf_counter()
        self.first: float | None = None
        self.last = 0.0
        self.markers = self.reads = self.body_bytes = 0
        self.head: bytes | None = None
        self.raw = self.tail = b""
        self.chunked = False
        self.length: int | None = None
        self.sock.sendall(self.request)

    def close(self) -> None:
        """Close the socket."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def parse_head(self, data: bytes) -> bytes | None:
        """Collect the response head; return the first body bytes after it."""
        self.raw += data
        end = self.raw.find(b"\r\n\r\n")
        if end < 0:
            return None
        self.head = self.raw[:end].lower()
        self.chunked = b"transfer-encoding: chunked" in self.head
        at = self.head.find(b"content-length:")
        if at >= 0:
            self.length = int(self.head[at + 15 :].split(b"\r\n")[0])
        return self.raw[end + 4 :]

    def feed(self, data: bytes, now: float) -> int:
        """Take received bytes; return how many new markers they held."""
        if self.head is None:
            rest = self.parse_head(data)
            if rest is None:
                return 0
            data = rest
        self.body_bytes += len(data)
        text = self.tail + data
        count = text.count(self.marker)
        if count:
            self.reads += 1
            self.first = self.first or now
            self.markers += count
        last = text.rfind(self.marker)
        keep = max(len(text) - 16, last + len(self.marker) if last >= 0 else 0)
        self.tail = text[keep:][-16:]
        return count

    def finished(self) -> bool:
        """Tell whether the whole response has arrived."""
        if self.head is None:
            return False
        if self.chunked:
            return self.tail.endswith(b"0\r\n\r\n")
        return self.length is not None and self.body_bytes >= self.length

    def must_close(self) -> bool:
        """Tell whether the server asked to close the connection."""
        return self.head is not None and b"connection: close" in self.head


class Load:
    """The load loop over all connections."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.want = config["want"]
        self.ttfc: list[float] = []
        self.durations: list[float] = []
        self.reads: list[int] = []
        self.gaps: list[float] = []
        self.chunks = self.all_chunks = self.errors = 0
        self.poll = select.epoll()
        self.connections: dict[int, Connection] = {}
        self.end = 0.0

    def request_bytes(self) -> bytes:
        """Render the HTTP request."""
        c = self.config
        body = bytes.fromhex(c["body"])
        headers = "".join(f"{k}: {v}\r\n" for k, v in c["headers"].items())
        head = (
            f"{c['method']} {c['path']} HTTP/1.1\r\nHost: 127.0.0.1:{c['port']}\r\n"
            f"{headers}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def register(self, connection: Connection) -> None:
        """Watch a connection's socket."""
        assert connection.sock is not None
        self.connections[connection.sock.fileno()] = connection
        self.poll.register(connection.sock.fileno(), select.EPOLLIN)

    def unregister(self, connection: Connection) -> None:
        """Stop watching a connection and close it."""
        assert connection.sock is not None
        del self.connections[connection.sock.fileno()]
        self.poll.unregister(connection.sock.fileno())
        connection.close()

    def stream_over(self, c: Connection, closed: bool, now: float) -> None:
        """Count a stream that ended and start the next one."""
        if c.markers != (self.want or c.markers) or not c.markers:
            self.errors += 1
        elif now <= self.end and c.first is not None:
            self.ttfc.append(c.first - c.started)
            self.durations.append(now - c.started)
            self.reads.append(c.reads)
        fresh = closed or c.must_close()
        if fresh:
            self.unregister(c)
        if time.perf_counter() < self.end and self.errors < MAX_ERRORS:
            c.begin()
            if fresh:
                self.register(c)
        elif not fresh:
            self.unregister(c)

    def count(self, c: Connection, chunks: int, now: float) -> None:
        """Count chunks of a stream that arrived together."""
        if not chunks:
            return
        self.all_chunks += chunks
        if now <= self.end:
            self.chunks += chunks
            self.gaps += [now - c.last] if c.last else []
            self.gaps += [0.0] * (chunks - 1)
        c.last = now

    def step(self, fd: int) -> None:
        """Handle one readable socket."""
        c = self.connections[fd]
        assert c.sock is not None
        try:
            data = c.sock.recv(262144)
        except OSError:
            data = b""
        now = time.perf_counter()
        if data:
            self.count(c, c.feed(data, now), now)
        if not data or c.finished():
            self.stream_over(c, closed=not data, now=now)

    def run(self) -> dict[str, Any]:
        """Run the load; return the results."""
        request, marker = self.request_bytes(), self.config["marker"].encode()
        begin = time.perf_counter()
        self.end = begin + self.config["seconds"]
        for _ in range(self.config["conc"]):
            address = ("127.0.0.1", self.config["port"])
            self.register(Connection(address, request, marker))
        while self.connections and time.perf_counter() < self.end + 10:
            for fd, _ in self.poll.poll(1.0):
                self.step(fd)
        return self.summary(min(time.perf_counter(), self.end) - begin)

    def summary(self, elapsed: float) -> dict[str, Any]:
        """Summarise finished streams."""
        done = len(self.durations)
        return {
            "n": done,
            "rps": done / elapsed,
            "chunks_s": self.chunks / elapsed,
            "all_chunks": self.all_chunks,
            "gap_p50": quantile(self.gaps, 0.5),
            "gap_p99": quantile(self.gaps, 0.99),
            "ttfc_p50": quantile(self.ttfc, 0.5),
            "ttfc_p99": quantile(self.ttfc, 0.99),
            "p50": quantile(self.durations, 0.5),
            "p99": quantile(self.durations, 0.99),
            "reads_per_stream": sum(self.reads) / done if done else None,
            "errors": self.errors,
        }


def quantile(values: list[float], q: float) -> float | None:
    """Return a quantile in milliseconds."""
    if not values:
        return None
    return sorted(values)[min(len(values) - 1, int(q * len(values)))] * 1e3


if __name__ == "__main__":
    print(json.dumps(Load(json.loads(sys.stdin.read())).run()))
