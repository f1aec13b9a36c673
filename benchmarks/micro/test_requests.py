"""What the Python side of a request costs: no socket, no native code."""

from __future__ import annotations

from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.inference.message_runner import MessageModel, MessageRunner
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.server.loading.local_entry import LocalBatch, LocalEntry

TEXT = "hello world"


class Echo(ModelInferer):
    """Answers with the request."""

    def init(self, path: Any, device: Any = None, args: Any = None) -> None:
        """Nothing is configured."""

    def load(self) -> bool:
        """Nothing is loaded."""
        return True

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Return the input."""
        return inp


class StreamingEntry(LocalEntry):
    """A request for chunks that go nowhere."""

    def is_streaming(self) -> bool:
        """Tell that it is one."""
        return True

    last = b""

    def stream_message(self, message: bytes) -> bool:
        """Keep the last chunk; somebody listens."""
        self.last = message
        return True


def test_message_through_user_code(benchmark: BenchmarkFixture) -> None:
    """Decode a message, run an inferer, encode its answer."""
    runner = MessageRunner(MessageModel(Echo(), None), "echo")
    request = GrpsMessage(str_data=TEXT)

    def run() -> LocalEntry:
        entry = LocalEntry(request, GrpsContext(), None)
        runner.run(LocalBatch(entry))
        return entry

    assert benchmark(run).answer.str_data == TEXT


def test_chunk(benchmark: BenchmarkFixture) -> None:
    """Make a message and send it as a chunk."""
    context = GrpsContext()
    entry = StreamingEntry(GrpsMessage(), context, None)
    context.bind(entry)
    benchmark(lambda: context.stream_respond(GrpsMessage(str_data=TEXT)))
    assert GrpsMessage.FromString(entry.last).str_data == TEXT
