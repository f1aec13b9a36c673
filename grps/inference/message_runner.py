"""Running the user's converter and inferer on messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from inspect import isgenerator
from typing import Any

from google.protobuf.message import DecodeError

from grps.errors import InputError, ModelError
from grps.inference.channel import Batch, Entry
from grps.inference.context import GrpsContext
from grps.inference.converter import Converter
from grps.inference.inferer import ModelInferer
from grps.inference.runner import fail
from grps.log import logger
from grps.protocol.pb.grps_pb2 import GrpsMessage

NOT_A_MESSAGE = "Output type must be GrpsMessage."


class MessageModel:
    """Converter and inferer of one model, called in order."""

    def __init__(self, inferer: ModelInferer, converter: Converter | None) -> None:
        """Run ``inferer`` between the two halves of ``converter``, or alone."""
        self.inferer = inferer
        self.converter = converter

    def open(self, entry: Entry) -> tuple[GrpsMessage, GrpsContext]:
        """Return the request and its context, which an earlier model of a graph may have begun.

        Raises:
            InputError: The message is malformed.
        """
        request, context = open_message(entry)
        context.set_inferer(self.inferer)
        context.set_converter(self.converter)
        return request, context

    def infer(self, request: GrpsMessage, context: GrpsContext) -> Any:
        """Run all steps on one request."""
        if self.converter is None:
            return self._drain(self.inferer.infer(request, context), context)
        prepared = self.converter.preprocess(request, context)
        context.mark("preprocess")
        if context.has_err():
            return None
        raw = self.inferer.infer(prepared, context)
        if isgenerator(raw):
            return self._drain(raw, context)
        context.mark("infer")
        if context.has_err() or (raw is None and context.if_streaming()):
            return None
        return self.converter.postprocess(raw, context)

    def _drain(self, answer: Any, context: GrpsContext) -> Any:
        """Send the values of a generator as chunks; without a stream, only the last one."""
        if not isgenerator(answer):
            return answer
        last: Any = None
        for piece in answer:
            last = piece
            if self.converter is not None:
                context.mark("infer")
                last = self.converter.postprocess(piece, context)
                context.mark("postprocess")
            if context.if_streaming():
                context.stream_respond(last)
            if context.has_err() or context.if_disconnected():
                answer.close()
                break
        return last


def open_message(entry: Entry) -> tuple[GrpsMessage, GrpsContext]:
    """Return the request and its context, which an earlier model of a graph may have begun.

    Raises:
        InputError: The message is malformed.
    """
    try:
        request = GrpsMessage.FromString(entry.message())
    except DecodeError as error:
        raise InputError(f"the message is malformed: {error}") from error
    context = entry.session() or GrpsContext()
    context.bind(entry)
    return request, context


def answer(entry: Entry, context: GrpsContext, outcome: Any) -> None:
    """Reply to an entry with what the user's code returned and set."""
    entry.set_session(context, context.has_user_data())
    if entry.exchange() is not None:
        # Customized HTTP: the response is what the user set, whatever was returned.
        context.send_http_response()
        entry.reply_message(b"")
    elif context.has_err():
        entry.fail(context.get_err_msg())
    elif isinstance(outcome, GrpsMessage):
        entry.reply_message(outcome.SerializeToString())
    elif entry.is_streaming():
        entry.reply_message(b"")
    else:
        entry.fail(NOT_A_MESSAGE)


class MessageRunner:
    """Runs the user's code on one request at a time."""

    def __init__(self, model: MessageModel, name: str) -> None:
        """Run ``model``, called ``name`` in the log."""
        self._model = model
        self._name = name

    def run(self, batch: Batch) -> None:
        """Run each request; it fails alone."""
        for entry in batch.entries():
            try:
                request, context = self._model.open(entry)
                answer(entry, context, self._model.infer(request, context))
            except Exception as error:
                fail(entry, error, self._name)

    def close(self, timeout_s: float | None) -> bool:
        """Do nothing: nothing runs outside ``run``."""
        del timeout_s
        return True


Opened = tuple[Entry, GrpsMessage, GrpsContext]


class BatchingMessageRunner:
    """Runs the user's ``batch_*`` methods on several requests at once."""

    def __init__(self, model: MessageModel, name: str) -> None:
        """Run ``model``, called ``name`` in the log."""
        self._model = model
        self._name = name

    def run(self, batch: Batch) -> None:
        """Run all requests."""
        opened = list(self._open(batch.entries()))
        if len(opened) > 1:
            batch.make_current()
            try:
                self._run_batch(opened)
                return
            except Exception:
                # One bad request must not fail the others: each is tried again by itself.
                logger.warning("%s failed on a batch of %d", self._name, len(opened), exc_info=True)
        for entry, request, context in opened:
            if not entry.is_answered():
                context.set_has_err(False)
                self._run_alone(entry, request, context)

    def close(self, timeout_s: float | None) -> bool:
        """Do nothing: nothing runs outside ``run``."""
        del timeout_s
        return True

    def _open(self, entries: Sequence[Entry]) -> Iterator[Opened]:
        for entry in entries:
            try:
                yield (entry, *self._model.open(entry))
            except Exception as error:
                fail(entry, error, self._name)

    def _run_alone(self, entry: Entry, request: GrpsMessage, context: GrpsContext) -> None:
        entry.make_current()
        try:
            self._run_batch([(entry, request, context)])
        except Exception as error:
            fail(entry, error, self._name)

    def _run_batch(self, opened: list[Opened]) -> None:
        requests = [request for _, request, _ in opened]
        contexts = [context for _, _, context in opened]
        answers = self._infer(requests, contexts)
        if not isinstance(answers, (list, tuple)) or len(answers) != len(opened):
            raise ModelError(
                f"the batch of {len(opened)} requests must get a list of as many answers, "
                f"got {_count(answers)}"
            )
        for (entry, _, context), outcome in zip(opened, answers, strict=True):
            answer(entry, context, outcome)

    def _infer(self, requests: list[GrpsMessage], contexts: list[GrpsContext]) -> Any:
        converter, inferer = self._model.converter, self._model.inferer
        if converter is None:
            return inferer.batch_infer(requests, contexts)
        prepared = converter.batch_preprocess(requests, contexts)
        for context in contexts:
            context.mark("preprocess")
        raw = inferer.batch_infer(prepared, contexts)
        for context in contexts:
            context.mark("infer")
        return converter.batch_postprocess(raw, contexts)


def _count(answers: Any) -> str:
    if isinstance(answers, (list, tuple)):
        return f"{len(answers)} of them"
    return type(answers).__name__
