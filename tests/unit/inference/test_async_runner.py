"""The end of a runner of coroutines."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from grps.inference.async_runner import AsyncMessageRunner
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.inference.message_runner import MessageModel
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.server.loading.local_entry import LocalBatch, LocalEntry

LONG_S = 20.0


class Waiter(ModelInferer):
    """Answers once it may."""

    def __init__(self) -> None:
        self.may_answer = threading.Event()

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        pass

    def load(self) -> bool:
        return True

    async def infer(self, inp: Any, context: GrpsContext) -> Any:
        while not self.may_answer.is_set():
            await asyncio.sleep(0.001)
        return inp


def test_closing_waits_for_all_coroutines_and_ends_the_loop() -> None:
    before = threading.active_count()
    inferer = Waiter()
    runner = AsyncMessageRunner(MessageModel(inferer, None), "m")
    entries = [
        LocalEntry(GrpsMessage(str_data=str(number)), GrpsContext(), None) for number in range(5)
    ]
    for entry in entries:
        runner.run(LocalBatch(entry))
    assert not runner.close(0.05)
    assert not any(entry.is_answered() for entry in entries)
    inferer.may_answer.set()
    assert runner.close(LONG_S)
    assert [entry.answer.str_data for entry in entries] == ["0", "1", "2", "3", "4"]
    assert threading.active_count() == before
