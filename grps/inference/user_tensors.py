"""The user's inferer on tensors: the native codec does the converter's work."""

from __future__ import annotations

from collections.abc import Callable
from inspect import isgenerator
from typing import Any

import numpy as np

from grps.errors import ModelError
from grps.inference.channel import Batch, Entry, NamedArray
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.inference.pieces import not_joined
from grps.protocol.arrays import to_message

Enter = Callable[[list[NamedArray]], Any]
"""Makes the inferer's input of named arrays."""

Leave = Callable[[Any], list[NamedArray]]
"""Makes named arrays of what the inferer returned."""


NOTHING = (
    "the inferer returned None and sent no chunk; return an array, or a dict of arrays "
    "(is a return statement missing?)"
)


class UserTensorModel:
    """The user's inferer between the two halves of a tensor converter."""

    def __init__(self, inferer: ModelInferer, enter: Enter, leave: Leave) -> None:
        """Run ``inferer`` on what ``enter`` makes, and let ``leave`` name its outputs."""
        self._inferer = inferer
        self._enter = enter
        self._leave = leave
        self._batches = type(inferer).batch_infer is not ModelInferer.batch_infer

    def run(self, tensors: list[NamedArray], batch: Batch) -> list[NamedArray]:
        """Run the inferer once; several requests go to ``batch_infer`` when it has one."""
        entries = batch.entries()
        contexts = [entry.session() or GrpsContext() for entry in entries]
        for entry, context in zip(entries, contexts, strict=True):
            context.bind(entry)
            context.set_inferer(self._inferer)
        inputs = self._enter(tensors)
        if self._batches and len(entries) > 1:
            result = self._inferer.batch_infer(inputs, contexts)
        else:
            result = self._inferer.infer(inputs, contexts[0])
        if isgenerator(result):
            result = self._drain(result, contexts)
        for entry, context in zip(entries, contexts, strict=True):
            entry.set_session(context, context.has_user_data())
            if context.has_err():
                entry.fail(context.get_err_msg())
            elif result is None:
                _answer_pieces(entry, context)
        if all(entry.is_answered() for entry in entries):
            return []
        if result is None:
            raise ModelError(NOTHING)
        return self._leave(result)

    def _drain(self, answers: Any, contexts: list[GrpsContext]) -> Any:
        """Send what a generator yields as chunks; without a stream, return its only piece."""
        context = contexts[0]
        if len(contexts) > 1:
            raise ModelError(
                "a generator answers one request, not a batch: write batch_infer, or use "
                "batching.type none"
            )
        only: Any = None
        for piece in answers:
            if context.if_streaming():
                context.stream_respond(to_message(self._leave(piece)))
            elif only is not None:
                answers.close()
                raise not_joined("tensors")
            else:
                only = piece
            if context.needs_no_more():
                answers.close()
        return only


def _answer_pieces(entry: Entry, context: GrpsContext) -> None:
    """Reply to a request whose answer was sent in chunks, or kept for want of a stream."""
    whole = context.joined_pieces()
    if whole is not None:
        entry.reply_message(whole.SerializeToString())
    elif context.if_streaming():
        entry.reply_message(b"")


def name_inputs(tensors: list[NamedArray]) -> dict[str, np.ndarray]:
    """Return arrays by name; without one, ``input`` or ``input_0``, ``input_1`` and so on."""
    if len(tensors) == 1:
        name, array = tensors[0]
        return {name or "input": array}
    return {name or f"input_{index}": array for index, (name, array) in enumerate(tensors)}


def name_outputs(answer: object) -> list[NamedArray]:
    """Return what an inferer returned as named C-contiguous arrays.

    An array is ``output``; those of a list or tuple are ``output_0``, ``output_1``…; a dict gives
    its keys. Numbers become arrays without dimensions.

    Raises:
        ModelError: The answer is something else.
    """
    if isinstance(answer, dict):
        named = [(str(name), value) for name, value in answer.items()]
    elif isinstance(answer, (list, tuple)) and any(isinstance(v, np.ndarray) for v in answer):
        named = [(f"output_{index}", value) for index, value in enumerate(answer)]
    elif answer is None:
        raise ModelError(NOTHING)
    else:
        named = [("output", answer)]
    return [(name, _contiguous(name, value)) for name, value in named]


def _contiguous(name: str, value: object) -> np.ndarray:
    array = np.asarray(value, order="C")
    if array.dtype.kind not in "biufOUS" and array.dtype.name != "bfloat16":
        raise ModelError(
            f"output {name} is {type(value).__name__}, not an array of numbers or text"
        )
    return array
