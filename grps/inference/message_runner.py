"""Running the user's converter and inferer on messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from inspect import isgenerator
from typing import Any

from google.protobuf.message import DecodeError

from grps.errors import InputError, ModelError
from grps.inference import custom_http
from grps.inference.channel import Batch, Entry, Exchange
from grps.inference.context import GrpsContext
from grps.inference.converter import Converter
from grps.inference.inferer import ModelInferer
from grps.inference.runner import fail, refusal
from grps.log import logger
from grps.protocol.pb.grps_pb2 import GrpsMessage, Status

NOT_A_MESSAGE = "Output type must be GrpsMessage."
NOTHING = "The model returned None and sent no chunk; is a return statement missing?"
NO_ERR_MSG = "the model failed; it gave no reason (context.set_err_msg)"
NO_RESPONSE = "infer set no response; call context.set_http_response, or return the response"
SUCCESS = GrpsMessage(status=Status(code=200, msg="OK", status=Status.SUCCESS)).SerializeToString()
"""An empty message, as a chunk."""


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
        if context.has_err() or (raw is None and context.needs_no_return()):
            return None
        return self.converter.postprocess(raw, context)

    def _drain(self, answer: Any, context: GrpsContext) -> Any:
        """Send the values of a generator as chunks; without a stream, the context joins them.

        Returns:
            The last chunk of a stream, for the next model of a graph; else nothing.
        """
        if not isgenerator(answer):
            return answer
        last: Any = None
        for piece in answer:
            last = piece
            if self.converter is not None:
                context.mark("infer")
                last = self.converter.postprocess(piece, context)
                context.mark("postprocess")
            context.stream_respond(last)
            if context.needs_no_more():
                answer.close()
                break
        return last if context.if_streaming() else None


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
    """Reply to an entry with what the user's code returned and set.

    Raises:
        InputError: The answer is in pieces that make no single message.
        ValueError: It is no response of customized HTTP.
    """
    entry.set_session(context, context.has_user_data())
    if context.exchange is not None:
        _answer_http(entry, context.exchange, context, outcome)
        return
    if context.has_err():
        entry.fail(context.get_err_msg())
        return
    if outcome is None:
        outcome = context.joined_pieces()
    if context.is_customized_http():
        # In a test of the project, which looks at the response.
        outcome = _tested(context, outcome)
    if isinstance(outcome, GrpsMessage):
        message = outcome.SerializeToString()
        # Of a stream, an empty reply is no chunk; an empty message is one.
        entry.reply_message(message or (SUCCESS if context.if_streaming() else b""))
    elif context.if_streaming() and (outcome is None or context.has_streamed()):
        entry.reply_message(b"")
    else:
        found = NOTHING if outcome is None else f"The model returned {type(outcome).__name__}."
        entry.fail(f"{NOT_A_MESSAGE} {found}")


def _answer_http(entry: Entry, exchange: Exchange, context: GrpsContext, outcome: Any) -> None:
    if outcome is None:
        outcome = context.joined_pieces()
    response = context.chosen_http_response(outcome)
    if response is not None and not context.has_streamed():
        custom_http.send(entry, exchange, response)
    if context.has_err():
        entry.fail(context.get_err_msg() or NO_ERR_MSG)
    elif response is None and exchange.alone and not context.has_streamed() and _says(outcome):
        entry.fail(NO_RESPONSE)
    else:
        entry.reply_message(b"")


def _tested(context: GrpsContext, outcome: Any) -> Any:
    response = context.chosen_http_response(outcome)
    is_message = isinstance(outcome, GrpsMessage)
    return GrpsMessage() if response is not None and not is_message else outcome


def _says(outcome: Any) -> bool:
    """Return whether user code left its client without what it meant; an empty message is none."""
    return outcome is None or bool(outcome.ByteSize())


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
                if not context.is_customized_http():
                    answer(entry, context, self._model.infer(request, context))
                    continue
                with context.http_application():
                    answer(entry, context, self._model.infer(request, context))
            except BaseException as error:
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
            except BaseException as error:
                # One bad request must not fail the others: each is tried again by itself.
                if refusal(error) is None:
                    logger.warning(
                        "%s failed on a batch of %d", self._name, len(opened), exc_info=True
                    )
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
                opened = (entry, *self._model.open(entry))
            except BaseException as error:
                fail(entry, error, self._name)
            else:
                yield opened

    def _run_alone(self, entry: Entry, request: GrpsMessage, context: GrpsContext) -> None:
        entry.make_current()
        try:
            self._run_batch([(entry, request, context)])
        except BaseException as error:
            fail(entry, error, self._name)

    def _run_batch(self, opened: list[Opened]) -> None:
        contexts = [context for _, _, context in opened]
        with _application(contexts):
            self._answer_batch(opened, contexts)

    def _answer_batch(self, opened: list[Opened], contexts: list[GrpsContext]) -> None:
        answers = self._infer([request for _, request, _ in opened], contexts)
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


def _application(contexts: list[GrpsContext]) -> AbstractContextManager[Any]:
    """Return what user code of a batch runs in: customized HTTP needs flask's application."""
    if len(contexts) == 1:
        return contexts[0].http_application()
    if any(context.exchange is not None for context in contexts):
        return custom_http.application_context()
    return nullcontext()


def _count(answers: Any) -> str:
    if isinstance(answers, (list, tuple)):
        return f"{len(answers)} of them"
    return type(answers).__name__
