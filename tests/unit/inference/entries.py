"""Requests in memory, for runners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from grps.inference.channel import Exchange, NamedArray
from grps.protocol.pb.grps_pb2 import GrpsMessage


class FakeEntry:
    """One request; remembers how it was answered."""

    def __init__(self, content: list[NamedArray] | GrpsMessage, streaming: bool = False) -> None:
        self.id = "id-1"
        self._content = content
        self._streaming = streaming
        self.kept: Any = None
        self.chunks: list[GrpsMessage] = []
        self.cancelled = False
        self.outcome: tuple[str, Any] | None = None
        self.marks: list[str] = []
        self.traceparent: str | None = None
        self.tracestate: str | None = None

    def make_current(self) -> None:
        self.marks.append("current")

    def mark(self, stage: str) -> None:
        self.marks.append(stage)

    def tensors(self) -> list[NamedArray]:
        assert isinstance(self._content, list)
        return self._content

    def message(self) -> bytes:
        assert isinstance(self._content, GrpsMessage)
        return self._content.SerializeToString()

    def is_cancelled(self) -> bool:
        return self.cancelled

    def is_answered(self) -> bool:
        return self.outcome is not None

    def is_streaming(self) -> bool:
        return self._streaming

    def stream_message(self, message: bytes) -> bool:
        self.chunks.append(GrpsMessage.FromString(message))
        return True

    def stream_raw(self, data: bytes) -> bool:
        raise AssertionError("no customized HTTP here")

    def has_room(self) -> bool:
        return True

    push_message = stream_message
    push_raw = stream_raw

    def end_stream(self) -> None:
        self.cancelled = True

    def exchange(self) -> Exchange | None:
        return None

    def session(self) -> Any:
        return self.kept

    def left_elsewhere(self) -> bool:
        return False

    def set_session(self, value: Any, filled: bool) -> None:
        self.kept = value

    def reply_tensors(self, tensors: Sequence[NamedArray]) -> None:
        self._answer("tensors", {name: array.tolist() for name, array in tensors})

    def reply_message(self, message: bytes) -> None:
        self._answer("message", GrpsMessage.FromString(message))

    def fail(self, message: str) -> None:
        self._answer("failed", message)

    def refuse(self, message: str, status: int = 400) -> None:
        self._answer("refused", message)

    def _answer(self, kind: str, what: Any) -> None:
        assert self.outcome is None, "answered twice"
        self.outcome = (kind, what)


class FakeBatch:
    """Several requests whose tensors are joined as the native side joins them."""

    def __init__(self, entries: Sequence[FakeEntry]) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def rows(self) -> int | None:
        if len(self._entries) == 1:
            return None
        return sum(len(entry.tensors()[0][1]) for entry in self._entries)

    def entries(self) -> Sequence[FakeEntry]:
        return self._entries

    def make_current(self) -> None:
        pass

    def tensors(self) -> list[NamedArray]:
        if len(self._entries) == 1:
            return self._entries[0].tensors()
        columns = zip(*(entry.tensors() for entry in self._entries), strict=True)
        return [
            (column[0][0], np.concatenate([array for _, array in column])) for column in columns
        ]

    def reply_tensors(self, outputs: Sequence[NamedArray]) -> None:
        start = 0
        for entry in self._entries:
            part = slice(None)
            if len(self._entries) > 1:
                part = slice(start, start + len(entry.tensors()[0][1]))
                start = part.stop
            if not entry.is_answered():
                entry.reply_tensors([(name, array[part]) for name, array in outputs])

    def singles(self) -> Sequence[FakeBatch]:
        return [FakeBatch([entry]) for entry in self._entries if not entry.is_answered()]


def rows(*values: float, name: str = "x", dtype: type = np.float32) -> FakeEntry:
    """A request of one tensor with a row per value."""
    return FakeEntry([(name, np.array([[value] for value in values], dtype))])


def text(data: str, streaming: bool = False) -> FakeEntry:
    """A request of one text."""
    return FakeEntry(GrpsMessage(str_data=data), streaming)
