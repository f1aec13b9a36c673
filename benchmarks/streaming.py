"""How late chunks reach their client, and how late user code learns that its client left.

``python -m benchmarks.streaming`` prints percentiles in milliseconds, over HTTP and gRPC.
"""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc

from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.protocol.pb.grps_pb2_grpc import GrpsServiceStub
from tests.support import serving, user_model, wait_until, write_user_project

PIECES = 500
LEAVES = 50
PATH = "/grps/v1/infer/predict?streaming=true"

CODE = '''
import time
from pathlib import Path

from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Clock(Plain):
    """Streams the time at which each piece was made."""

    def infer(self, inp, context):
        for _ in range(int(inp.str_data)):
            time.sleep(0.002)
            context.stream_respond(GrpsMessage(str_data=str(time.monotonic_ns())))


class Patient(Plain):
    """Notes when it learned that its client had left."""

    def infer(self, inp, context):
        context.stream_respond(GrpsMessage(str_data="begun"))
        while not context.if_disconnected():
            time.sleep(0.0005)
        file = Path(inp.str_data)
        file.with_suffix(".part").write_text(str(time.monotonic_ns()))
        file.with_suffix(".part").rename(file)


for cls in (Clock, Patient):
    inferer_register.register(cls.__name__.lower(), cls())
'''


def http_pieces(port: int, model: str, text: str) -> Iterator[str]:
    """The texts of a stream over HTTP; closing the iterator leaves."""
    body = json.dumps({"model": f"{model}-1.0.0", "str_data": text}).encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        reader = connection.makefile("rb")
        while reader.readline() != b"\r\n":
            pass
        while size := int(reader.readline(), 16):
            yield str(json.loads(reader.read(size))["str_data"])
            reader.readline()
        reader.close()


def grpc_pieces(port: int, model: str, text: str) -> Iterator[str]:
    """The texts of a stream over gRPC; closing the iterator cancels."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        message = GrpsMessage(model=f"{model}-1.0.0", str_data=text)
        stub: Any = GrpsServiceStub(channel)  # type: ignore[no-untyped-call]
        call = stub.PredictStreaming(message)
        try:
            for piece in call:
                yield piece.str_data
        finally:
            call.cancel()


Ask = Callable[[int, str, str], Iterator[str]]


def measure_chunks(ask: Ask, port: int) -> list[float]:
    """Milliseconds from making a piece to having read it."""
    return [(time.monotonic_ns() - int(made)) / 1e6 for made in ask(port, "clock", str(PIECES))]


def measure_leaves(ask: Ask, port: int, folder: Path) -> list[float]:
    """Milliseconds from leaving to user code's knowing."""
    delays = []
    for number in range(LEAVES):
        file = folder / f"left_{ask.__name__}_{number}"
        pieces = ask(port, "patient", str(file))
        next(pieces)
        left = time.monotonic_ns()
        pieces.close()  # type: ignore[attr-defined]
        wait_until(file.exists, "user code learns that its client left")
        delays.append((int(file.read_text()) - left) / 1e6)
    return delays


def tell(what: str, delays: list[float]) -> None:
    """Print the percentiles of some delays."""
    delays.sort()
    shown = (delays[int((len(delays) - 1) * share)] for share in (0.5, 0.9, 0.99, 1))
    print(
        f"{what:34} "
        + " ".join(
            f"{name} {ms:7.2f}"
            for name, ms in zip(("p50", "p90", "p99", "max"), shown, strict=True)
        )
        + " ms"
    )


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        models = [user_model(name) for name in ("clock", "patient")]
        with serving(write_user_project(folder, models, code=CODE)) as server:
            for name, ask, port in (("HTTP", http_pieces, 0), ("gRPC", grpc_pieces, 1)):
                tell(f"{name}: chunk made to chunk read", measure_chunks(ask, server.ports[port]))
                delays = measure_leaves(ask, server.ports[port], folder)
                tell(f"{name}: client left to code told", delays)


if __name__ == "__main__":
    main()
