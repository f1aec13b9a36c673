"""A converter of two halves: what reads requests, and what writes answers."""

from __future__ import annotations

import threading
from typing import Any, Protocol

import numpy as np

from grps.backends.base import Backend
from grps.backends.rows import require_rows
from grps.converters.reader import Arrays, Reader
from grps.inference.context import GrpsContext
from grps.inference.converter import Converter
from grps.inference.inferer import ModelInferer
from grps.protocol.arrays import to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage

_ROWS = "grps rows"
"""Where a request's context keeps how many rows of a batch are its own."""


class Writer(Protocol):
    """Makes an answer of a model's outputs. Several threads may call at once."""

    def write(self, outputs: Arrays) -> GrpsMessage:
        """Return the answer for the rows of one request."""


class TensorWriter:
    """Answers with the outputs as they are."""

    def write(self, outputs: Arrays) -> GrpsMessage:
        """Return a message of all outputs."""
        return to_message(outputs.items())


class BuiltInConverter(Converter):
    """Reads requests into rows, and writes the rows of the outputs as answers."""

    def __init__(self, reader: Reader, writer: Writer) -> None:
        """Put ``reader`` before the model and ``writer`` behind it."""
        super().__init__()
        self._reader = reader
        self._writer = writer

    def init(self, path: str | None = None, args: Any = None) -> None:
        """Do nothing: it is made with all it needs."""

    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> Arrays:
        """Return the inputs of one request."""
        return self.batch_preprocess([inp], [context])

    def postprocess(self, inp: Any, context: GrpsContext) -> GrpsMessage:
        """Return the answer to one request; who wants chunks gets it as one."""
        return _sent(self._writer.write(inp), context)

    def batch_preprocess(self, inps: list[GrpsMessage], contexts: list[GrpsContext]) -> Arrays:
        """Return the joined inputs of several requests."""
        items: list[Any] = []
        for message, context in zip(inps, contexts, strict=True):
            read = self._reader.read(message)
            context.put_user_data(_ROWS, read.rows)
            items += read.items
        return self._reader.join(items)

    def batch_postprocess(self, inp: Any, contexts: list[GrpsContext]) -> list[GrpsMessage]:
        """Return one answer per request."""
        if len(contexts) == 1:
            return [self.postprocess(inp, contexts[0])]
        # Nothing is sent before all are written: a batch that fails is run again one by one.
        counts = [context.get_user_data(_ROWS) for context in contexts]
        require_rows(inp.items(), sum(counts))
        answers, start = [], 0
        for count in counts:
            rows = {name: array[start : start + count] for name, array in inp.items()}
            answers.append(self._writer.write(rows))
            start += count
        return [_sent(answer, context) for answer, context in zip(answers, contexts, strict=True)]


def _sent(answer: GrpsMessage, context: GrpsContext) -> GrpsMessage:
    """Send an answer to a client that wants chunks, as the only one; return it."""
    if context.if_streaming():
        context.stream_respond(answer)
    return answer


class RowInferer(ModelInferer):
    """A backend on rows: no more at once than it takes, and one run at a time.

    Several threads may call: while one run is under way, others prepare theirs.
    """

    def __init__(self, backend: Backend, constants: Arrays, most_rows: int | None) -> None:
        """Run ``backend``.

        Args:
            backend: The loaded model.
            constants: Inputs that are the same for every request.
            most_rows: Most rows of a run; ``None`` for no limit.
        """
        super().__init__()
        self._backend = backend
        self._running = threading.Lock()
        self._constants = constants
        self._names = [spec.name for spec in backend.signature.inputs]
        self._most = most_rows

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Do nothing: the backend is loaded."""

    def load(self) -> bool:
        """Do nothing: the backend is loaded."""
        return True

    def infer(self, inp: Any, context: GrpsContext) -> Arrays:
        """Run the model on the rows of one request or batch."""
        rows = min((array.shape[0] for array in inp.values() if array.ndim), default=0)
        if self._most is None or rows <= self._most:
            return self._run(inp)
        parts = [
            self._run({name: array[start : start + self._most] for name, array in inp.items()})
            for start in range(0, rows, self._most)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Arrays:
        """Run the model on the rows of one batch."""
        return self.infer(inp, contexts[0])

    def _run(self, arrays: Arrays) -> Arrays:
        given = {**arrays, **self._constants}
        inputs = [np.ascontiguousarray(given[name]) for name in self._names if name in given]
        with self._running:
            return dict(self._backend.infer(inputs))
