"""The loop of an instance: pull requests, run the model, answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from google.protobuf.message import DecodeError

from grps.errors import InputError, ModelError
from grps.inference.channel import Channel, Entry, NamedArray
from grps.inference.context import GrpsContext
from grps.inference.converter import Converter
from grps.inference.inferer import ModelInferer
from grps.log import logger
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Model(Protocol):
    """Runs one request and answers it."""

    def run(self, entry: Entry) -> None:
        """Answer ``entry``; what is raised becomes its failure."""


class TensorModel(Protocol):
    """A loaded model that takes and returns arrays."""

    def infer(self, inputs: Sequence[np.ndarray]) -> list[NamedArray]:
        """Run the model once on one array per input, in the model's order."""


class TensorRunner:
    """Runs a model on tensors; user code never sees a message."""

    def __init__(self, model: TensorModel) -> None:
        """Run ``model``."""
        self._model = model

    def run(self, entry: Entry) -> None:
        """Answer ``entry`` with the model's outputs."""
        entry.reply_tensors(self.infer([array for _, array in entry.tensors()]))

    def infer(self, inputs: Sequence[np.ndarray]) -> list[NamedArray]:
        """Run the model on one array per input, in the model's order."""
        return self._model.infer(inputs)


class MessageRunner:
    """Runs an inferer of the user's, with or without a converter, on messages."""

    def __init__(self, inferer: ModelInferer, converter: Converter | None) -> None:
        """Run ``inferer`` between the two halves of ``converter``."""
        self._inferer = inferer
        self._converter = converter

    def run(self, entry: Entry) -> None:
        """Answer ``entry`` with what the user's code returns."""
        try:
            request = GrpsMessage.FromString(entry.message())
        except DecodeError as error:
            raise InputError(f"the message is malformed: {error}") from error
        context = GrpsContext(entry.is_cancelled)
        answer = self.infer(request, context)
        if context.has_err():
            entry.fail(context.get_err_msg())
        elif isinstance(answer, GrpsMessage):
            entry.reply_message(answer.SerializeToString())
        else:
            entry.fail("Output type must be GrpsMessage.")

    def infer(self, request: GrpsMessage, context: GrpsContext) -> Any:
        """Run the user's code; what it returns counts only if ``context`` has no error."""
        if self._converter is None:
            return self._inferer.infer(request, context)
        prepared = self._converter.preprocess(request, context)
        if context.has_err():
            return None
        raw = self._inferer.infer(prepared, context)
        if context.has_err():
            return None
        return self._converter.postprocess(raw, context)


def run_instance(channel: Channel, model: Model, name: str) -> None:
    """Serve requests until the service stops.

    Args:
        channel: Where the requests come from.
        model: What answers them.
        name: The instance in the log, for example ``vad-1.0.0#0``.
    """
    try:
        while (entries := channel.next(1)) is not None:
            for entry in entries:
                _answer(entry, model, name)
    finally:
        channel.detach()


def _answer(entry: Entry, model: Model, name: str) -> None:
    """Run one request; a failure is its own and never ends the instance."""
    try:
        model.run(entry)
    except InputError as error:
        entry.refuse(str(error))
    except Exception as error:
        logger.exception("%s failed on request %s", name, entry.id)
        if not entry.is_answered():
            entry.fail(f"{describe(error)} (request id {entry.id})")


def describe(error: BaseException) -> str:
    """Return the cause of a failure as one line."""
    text = " ".join(str(error).split())
    if isinstance(error, ModelError):
        return text
    kind = type(error).__name__
    return f"{kind}: {text}" if text else kind
