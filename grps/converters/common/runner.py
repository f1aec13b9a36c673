"""Running an engine between the halves of a built-in converter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from grps.backends.common.rows import require_rows
from grps.converters.common.reader import Arrays, Read, Reader
from grps.converters.common.rows import RowEngine
from grps.converters.common.writer import Writer
from grps.inference.channel import Batch, Entry
from grps.inference.context import GrpsContext
from grps.inference.message_runner import answer, open_message
from grps.inference.runner import fail
from grps.log import logger
from grps.protocol.pb.grps_pb2 import GrpsMessage


@dataclass(frozen=True, slots=True)
class _Request:
    """A request that is decoded."""

    entry: Entry
    context: GrpsContext
    read: Read


class ConvertingRunner:
    """Decodes each request alone, runs the decoded ones together, and replies to each."""

    def __init__(self, reader: Reader, engine: RowEngine, writer: Writer, name: str) -> None:
        """Run ``engine`` on what ``reader`` makes; reply with what ``writer`` makes.

        Args:
            reader: Makes rows of requests.
            engine: The loaded model.
            writer: Makes responses of the outputs.
            name: The model in the log.
        """
        self._reader = reader
        self._engine = engine
        self._writer = writer
        self._name = name

    def run(self, batch: Batch) -> None:
        """Run all requests; one that can't be decoded fails alone, and at once."""
        requests = list(self._decode(batch.entries()))
        if len(requests) > 1:
            batch.make_current()
            try:
                self._run(requests)
                return
            except BaseException:
                # One bad request must not fail the others: each is run again by itself.
                count = len(requests)
                logger.warning("%s failed on a batch of %d", self._name, count, exc_info=True)
        for request in requests:
            if not request.entry.is_answered():
                self._run_alone(request)

    def close(self, timeout_s: float | None) -> bool:
        """Do nothing: nothing runs outside ``run``."""
        del timeout_s
        return True

    def _decode(self, entries: Sequence[Entry]) -> Iterator[_Request]:
        for entry in entries:
            try:
                message, context = open_message(entry)
                request = _Request(entry, context, self._reader.read(message))
            except BaseException as error:
                fail(entry, error, self._name)
            else:
                yield request

    def _run_alone(self, request: _Request) -> None:
        request.entry.make_current()
        try:
            self._run([request])
        except BaseException as error:
            fail(request.entry, error, self._name)

    def _run(self, requests: list[_Request]) -> None:
        arrays = self._reader.join([item for one in requests for item in one.read.items])
        for one in requests:
            one.context.mark("preprocess")
        outputs = self._engine.run(arrays)
        for one in requests:
            one.context.mark("infer")
        # Nothing is sent before all are written: a batch that fails is run again one by one.
        answers = list(self._write(outputs, [one.read.rows for one in requests]))
        for one, message in zip(requests, answers, strict=True):
            if one.context.if_streaming():
                one.context.stream_respond(message)
            answer(one.entry, one.context, message)

    def _write(self, outputs: Arrays, counts: list[int]) -> Iterator[GrpsMessage]:
        """Write the response to each request, whose rows come one after the other."""
        if len(counts) == 1:
            yield self._writer.write(outputs)
            return
        require_rows(outputs.items(), sum(counts))
        start = 0
        for count in counts:
            yield self._writer.write(
                {name: array[start : start + count] for name, array in outputs.items()}
            )
            start += count
