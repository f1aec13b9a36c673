"""Send broken openings of every protocol to a server, and check that it goes on as it should.

``python -m tools.fuzz --seconds 60 --seed 7`` starts a server of its own. With
``--address HOST:PORT`` it uses one that serves the models ``echo`` and ``same`` of this file; with
``--pid`` it also watches the memory of that one.

After each round, a correct call of each protocol must be answered. No connection may outlive the
limits of the server, no answer may be an internal error, no log line may name a panic, and the
memory of the server must stay below its limit. What fails is written to a file and printed.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Lock, Thread

from tools.fuzz import openings
from tools.fuzz.mutations import mutate
from tools.repository import ROOT

ROUND_S = 10
CLIENTS = 6
MAX_HELD = 400
"""Connections that are left open."""
OUTLIVED_S = 70
"""More than the server waits for an answer to its PING, which is longer than the limits below."""
MAX_GROWTH_BYTES = 300 << 20
WAIT_S = 10
MODELS = """
models:
  - {name: echo, version: '1', inferer_type: identity}
  - {name: same, version: '1', inferer_type: customized, inferer_name: same, converter_type: numpy}
dag:
  type: sequential
  name: only
  nodes: [{name: echo, type: model, model: echo-1}]
"""
CODE = """
from grps import ModelInferer, inferer_register


class Same(ModelInferer):
    def init(self, path, device=None, args=None):
        pass

    def load(self):
        return True

    def infer(self, inp, context):
        return inp


inferer_register.register("same", Same())
"""
SETTINGS = {
    "interface": {"framework": "http+grpc", "host": "127.0.0.1", "port": "0,0"},
    "oip": {"shared_memory": True},
    "tfserving": {"enabled": True},
    "torchserve": {"enabled": True},
    "limits": {
        "max_request_bytes": 8 << 20,
        "header_timeout_ms": 1000,
        "body_timeout_ms": 2000,
        "stream_stall_timeout_ms": 2000,
        "stream_idle_timeout_ms": 5000,
    },
}


@dataclass(frozen=True, slots=True)
class Server:
    """A server under test."""

    host: str
    port: int
    pid: int | None = None
    log: Path | None = None

    def connect(self) -> socket.socket:
        """Open a connection."""
        return socket.create_connection((self.host, self.port), timeout=WAIT_S)

    def memory(self) -> int:
        """Resident bytes of the process; 0 if it is not known."""
        if self.pid is None:
            return 0
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * 4096


@dataclass(slots=True)
class Findings:
    """What was sent, and what went wrong."""

    folder: Path
    sent: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def count(self, name: str, answer: bytes) -> None:
        """Count an attempt."""
        with self.lock:
            self.sent[name] += 1
            self.answers[kind_of(answer)] += 1

    def report(self, what: str, sent: bytes = b"") -> None:
        """Note a fault, with the bytes that caused it."""
        with self.lock:
            text = what
            if sent:
                path = self.folder / f"fuzz-{len(self.faults)}.bin"
                path.write_bytes(sent)
                text = f"{what}; sent: {path}"
            self.faults.append(text)
            print(text, flush=True)


def kind_of(answer: bytes) -> str:
    """Which protocol an answer is of."""
    if not answer:
        return "none"
    if answer.startswith(b"HTTP/1."):
        return f"http {answer[9:12].decode(errors='replace')}"
    for start, kind in ((b"PRPC", "brpc"), (b"\x15\x03", "tls alert"), (b"\x16\x03", "tls")):
        if answer.startswith(start):
            return kind
    return "h2" if len(answer) >= 9 and answer[3] in (4, 7) and answer[5:9] == bytes(4) else "other"


@dataclass(slots=True)
class Held:
    """Connections that are left open until the server closes them."""

    findings: Findings
    held: list[tuple[socket.socket, float, str, bytes]] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def add(self, connection: socket.socket, name: str, sent: bytes) -> None:
        """Leave a connection open, unless there are too many."""
        with self.lock:
            if len(self.held) < MAX_HELD:
                self.held.append((connection, time.monotonic(), name, sent))
                return
        connection.close()

    def review(self) -> None:
        """Drop the connections that the server has closed; report one that it should have."""
        with self.lock:
            held, self.held = self.held, []
        for connection, since, name, sent in held:
            if drain(connection) is None:
                connection.close()
            elif time.monotonic() - since > OUTLIVED_S:
                self.findings.report(f"{name}: a connection outlived {OUTLIVED_S} s", sent)
                connection.close()
            else:
                with self.lock:
                    self.held.append((connection, since, name, sent))

    def wait(self) -> None:
        """Wait until the server has closed all."""
        while self.held:
            self.review()
            time.sleep(0.2)


class Client(Thread):
    """Sends openings until a moment."""

    def __init__(self, server: Server, rng: Random, held: Held, end: float) -> None:
        super().__init__(daemon=True)
        self._server, self._rng, self._held, self._end = server, rng, held, end
        self._findings = held.findings

    def run(self) -> None:
        """Send openings."""
        while time.monotonic() < self._end:
            # The server may close at any moment; whether it lives is checked after the round.
            with suppress(OSError):
                self._attempt()

    def _attempt(self) -> None:
        rng = self._rng
        name = rng.choice(list(openings.OPENINGS))
        valid = openings.OPENINGS[name](rng)
        sent = valid if rng.random() < 0.2 else mutate(valid, rng)
        sent = sent[: 4 << 20]
        connection = self._server.connect()
        try:
            self._send(connection, sent)
            if rng.random() < 0.3:
                connection.shutdown(socket.SHUT_WR)
            answer = self._receive(connection, rng.choice((0.0, 0.02, 0.2)))
        except OSError:
            connection.close()
            self._findings.count(name, b"")
            raise
        self._findings.count(name, answer)
        if kind_of(answer) == "http 500" or b"panicked" in answer:
            self._findings.report(f"{name}: {answer[:300]!r}", sent)
        if rng.random() < 0.3:
            self._held.add(connection, name, sent)
        else:
            connection.close()

    def _send(self, connection: socket.socket, sent: bytes) -> None:
        rng = self._rng
        if rng.random() < 0.6:
            connection.sendall(sent)
            return
        while sent:
            cut = rng.choice((1, 3, 24, 100, 100_000))
            connection.sendall(sent[:cut])
            sent = sent[cut:]
            if len(sent) < 1000:
                time.sleep(rng.choice((0, 0, 0.001)))

    def _receive(self, connection: socket.socket, wait_s: float) -> bytes:
        answer = b""
        while len(answer) < 4096 and select.select([connection], [], [], wait_s)[0]:
            received = connection.recv(4096)
            if not received:
                break
            answer += received
        return answer


def drain(connection: socket.socket) -> bytes | None:
    """Read what the server has sent meanwhile; ``None`` if it has closed the connection."""
    connection.setblocking(False)
    received = b""
    try:
        while part := connection.recv(1 << 16):
            received += part
    except BlockingIOError:
        return received
    except OSError:
        return None
    return None


def check(server: Server, findings: Findings) -> None:
    """Check that a correct call of each protocol is answered."""
    wanted = {
        "http predict": (b"HTTP/1.1 200", b'"str_data":"hello"'),
        "http chunks": (b"HTTP/1.1 200", b'"str_data":"hello"'),
        "oip json": (b"HTTP/1.1 200", b'"data":[1'),
        "oip binary": (b"HTTP/1.1 200", b'"shape":[2]'),
        "tfserving": (b"HTTP/1.1 200", b'"predictions"'),
        "torchserve": (b"HTTP/1.1 200", b"hello"),
        "brpc over http": (b"HTTP/1.1 200", b"hello"),
        "websocket": (b"HTTP/1.1 101", b'"final":true'),
        "grpc-web": (b"HTTP/1.1 200", openings.GRPS_MESSAGE),
        "grpc": (b"", openings.GRPS_MESSAGE),
        "grpc oip": (b"", b"same"),
        "brpc": (b"PRPC", openings.GRPS_MESSAGE),
    }
    for name, (start, part) in wanted.items():
        sent = openings.OPENINGS[name](Random(0))
        answer = b""
        try:
            with server.connect() as connection:
                connection.sendall(sent)
                end = time.monotonic() + WAIT_S
                while part not in answer and time.monotonic() < end:
                    received = connection.recv(1 << 16)
                    if not received:
                        break
                    answer += received
        except OSError as error:
            answer = str(error).encode()
        if not answer.startswith(start) or part not in answer:
            findings.report(f"a correct call of {name} got {answer[:300]!r}", sent)


@contextmanager
def own_server() -> Iterator[Server]:
    """Start a server of the models above."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf").mkdir()
        (folder / "src").mkdir()
        (folder / "src" / "__init__.py").touch()
        (folder / "src" / "customized_inferer.py").write_text(CODE)
        (folder / "conf" / "inference.yml").write_text(MODELS)
        # JSON is YAML.
        (folder / "conf" / "server.yml").write_text(json.dumps(SETTINGS))
        state = folder / "state.json"
        command = [sys.executable, "-m", "grps.server", "--project", name]
        log = folder / "stderr.log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [*command, "--state_file", str(state), "--stderr"], stderr=stderr, cwd=ROOT
            )
        try:
            yield Server("127.0.0.1", _port_when_ready(process, state), process.pid, log)
        finally:
            process.terminate()
            process.wait(60)


def _port_when_ready(process: subprocess.Popen[bytes], state: Path) -> int:
    while process.poll() is None:
        time.sleep(0.1)
        with suppress(OSError, ValueError):
            read = json.loads(state.read_text())
            if read["phase"] == "ready":
                return int(read["ports"][0])
    raise RuntimeError("the server did not start")


def fuzz(server: Server, seconds: float, seed: int) -> Findings:
    """Send openings in rounds; print each."""
    findings = Findings(Path(tempfile.mkdtemp(prefix="fuzz-")))
    held = Held(findings)
    check(server, findings)
    start, at_first, number = time.monotonic(), 0, 0
    while time.monotonic() - start < seconds and len(findings.faults) < 20:
        end = min(time.monotonic() + ROUND_S, start + seconds)
        rngs = [Random(f"{seed} {number} {index}") for index in range(CLIENTS)]
        clients = [Client(server, rng, held, end) for rng in rngs]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        held.review()
        check(server, findings)
        memory = server.memory()
        at_first = at_first or memory
        if memory > at_first + MAX_GROWTH_BYTES:
            findings.report(f"the memory grew from {at_first >> 20} to {memory >> 20} MiB")
        total = findings.sent.total()
        print(f"round {number}: {total} sent, {memory >> 20} MiB, {len(findings.faults)} faults")
        number += 1
    held.wait()
    if server.log is not None and b"panicked" in server.log.read_bytes():
        lines = server.log.read_text(errors="replace").splitlines()
        findings.report(next(line for line in lines if "panicked" in line))
    return findings


def main() -> int:
    """Fuzz a server and print what was sent and answered."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--address", help="HOST:PORT of a server that runs already")
    parser.add_argument("--pid", type=int, help="its process")
    options = parser.parse_args()
    if options.address is None:
        with own_server() as server:
            findings = fuzz(server, options.seconds, options.seed)
    else:
        host, _, port = options.address.rpartition(":")
        findings = fuzz(Server(host, int(port), options.pid), options.seconds, options.seed)
    print(dict(findings.sent.most_common()))
    print(dict(findings.answers.most_common()))
    print(f"{findings.sent.total()} sent, {len(findings.faults)} faults")
    return 1 if findings.faults else 0


if __name__ == "__main__":
    sys.exit(main())
