"""The models that clients are tested with; ``clients/conformance/README.md`` describes them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from grps import GrpsContext, InputError, ModelInferer, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage

from .calls import CALLS

STEP_S = 0.005
"""How often code that sleeps looks whether its client still waits."""


class Model(ModelInferer):
    """A model without a file."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """There is nothing to prepare."""

    def load(self) -> bool:
        """There is nothing to load."""
        return True


class Echo(Model):
    """Answers the request."""

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
        """Return the data of the request."""
        return inp


class Count(Model):
    """Streams pieces: the text is ``N BYTES``; ``-1`` pieces never end."""

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> Iterator[GrpsMessage]:
        """Yield ``0``, ``1`` …, each padded to the bytes that were requested."""
        number, size = _numbers(text_of(inp), 2)
        with CALLS.running():
            try:
                piece = 0
                while piece != number:
                    yield GrpsMessage(str_data=str(piece).ljust(size))
                    piece += 1
            except GeneratorExit:
                CALLS.cancel()
                raise


class Sleep(Model):
    """Sleeps: the text is the number of milliseconds."""

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
        """Return the request after its time; end early when its client does not wait."""
        (milliseconds,) = _numbers(text_of(inp), 1)
        end = time.monotonic() + milliseconds / 1000
        with CALLS.running():
            while time.monotonic() < end:
                if context.if_disconnected():
                    CALLS.cancel()
                    break
                time.sleep(STEP_S)
        return inp


class Fail(Model):
    """Fails as code with a mistake does."""

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
        """Raise an exception with the text of the request."""
        raise RuntimeError(text_of(inp))


class Flaky(Model):
    """Refuses the first call with a text, and answers the later ones."""

    def __init__(self) -> None:
        """Begin without any text."""
        super().__init__()
        self._lock = threading.Lock()
        self._refused: set[str] = set()

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
        """Return the request, unless its text is a new one."""
        text = text_of(inp)
        with self._lock:
            is_new = text not in self._refused
            self._refused.add(text)
        if is_new:
            raise InputError("the first call with this text is refused; call again", status=429)
        return inp


class State(Model):
    """Says what the other models have counted."""

    def infer(self, inp: GrpsMessage, context: GrpsContext) -> GrpsMessage:
        """Return the counts as JSON."""
        return GrpsMessage(str_data=CALLS.as_json())


def text_of(inp: GrpsMessage) -> str:
    """Return the text of a request: ``str_data``, or the only element of a tensor of strings.

    The Open Inference Protocol has tensors only.
    """
    if inp.WhichOneof("data_oneof") != "gtensors":
        return inp.str_data
    texts = [text for tensor in inp.gtensors.tensors for text in tensor.flat_string]
    if len(texts) != 1:
        raise InputError("the request is to be a text, or a tensor of one string")
    return texts[0]


def _numbers(text: str, most: int) -> list[int]:
    """Read whole numbers with spaces between them; those that are missing are 0."""
    try:
        numbers = [int(word) for word in text.split()]
    except ValueError:
        numbers = []
    if not 1 <= len(numbers) <= most:
        raise InputError(f"the text is to be 1 to {most} whole numbers, not {text!r}")
    return numbers + [0] * (most - len(numbers))


for name, model in {
    "echo": Echo(),
    "count": Count(),
    "sleep": Sleep(),
    "fail": Fail(),
    "flaky": Flaky(),
    "state": State(),
}.items():
    inferer_register.register(name, model)
