"""A request that never saw a socket: the instance's side of it, for tests of a project."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence

import numpy as np

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.signature import accepted
from grps.errors import InputError
from grps.inference.channel import Exchange, NamedArray, Stage
from grps.inference.context import GrpsContext
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage


class LocalEntry:
    """One request made in Python, answered in Python; implements the runner's ``Entry``."""

    id = "local"
    traceparent: str | None = None
    tracestate: str | None = None

    def __init__(
        self, request: GrpsMessage, context: GrpsContext, signature: Signature | None
    ) -> None:
        """Carry ``request`` to a model with this signature; user code gets ``context``."""
        self._request = request
        self._context = context
        self._signature = signature
        self._done = threading.Event()
        self.answer = GrpsMessage()
        self.failure: str | None = None
        self.raised: BaseException | None = None

    def wait(self) -> None:
        """Wait until the request is answered."""
        self._done.wait()

    def make_current(self) -> None:
        """Do nothing: log lines are about no request."""

    def mark(self, stage: Stage) -> None:
        """Do nothing: no stage is measured."""

    def tensors(self) -> list[NamedArray]:
        """Return the tensors of the request in the order of the model's inputs.

        Raises:
            InputError: They do not fit the model.
        """
        tensors = to_arrays(self._request)
        return tensors if self._signature is None else arrange(tensors, self._signature)

    def message(self) -> bytes:
        """Return the encoded request."""
        return self._request.SerializeToString()

    def is_cancelled(self) -> bool:
        """Return False: there is no client that could disconnect."""
        return False

    def is_answered(self) -> bool:
        """Return whether the request has a response."""
        return self._done.is_set()

    def is_streaming(self) -> bool:
        """Return False: the context keeps the chunks."""
        return False

    def stream_message(self, message: bytes) -> bool:
        """Return False: there is no client."""
        return False

    def stream_raw(self, data: bytes) -> bool:
        """Return False: there is no client."""
        return False

    def has_room(self) -> bool:
        """Return True: nothing is sent."""
        return True

    push_message = stream_message
    push_raw = stream_raw

    def end_stream(self) -> None:
        """There is no stream here."""

    def exchange(self) -> Exchange | None:
        """Return nothing: the context holds the HTTP request that the test made."""
        return None

    def session(self) -> GrpsContext:
        """Return the context that the test made."""
        return self._context

    def set_session(self, value: object, filled: bool) -> None:
        """Do nothing: the test holds the context."""

    def left_elsewhere(self) -> bool:
        """Return False: all models run in this process."""
        return False

    def reply_tensors(self, tensors: Sequence[NamedArray]) -> None:
        """Take the response."""
        self.answer = to_message(tensors)
        self._done.set()

    def reply_message(self, message: bytes) -> None:
        """Take the response."""
        self.answer = GrpsMessage.FromString(message)
        self._done.set()

    def fail(self, message: str) -> None:
        """Take the failure, and the exception that is being handled, for the test to see."""
        self.failure = message
        self.raised = sys.exc_info()[1]
        self._done.set()

    def refuse(self, message: str, status: int = 400) -> None:
        """Take the refusal as a failure."""
        del status
        self.fail(message)


class LocalBatch:
    """One local request; implements the runner's ``Batch``."""

    rows = None

    def __init__(self, entry: LocalEntry) -> None:
        """Carry ``entry``."""
        self._entry = entry

    def __len__(self) -> int:
        """Return one."""
        return 1

    def entries(self) -> Sequence[LocalEntry]:
        """Return the request."""
        return (self._entry,)

    def make_current(self) -> None:
        """Do nothing: log lines are about no request."""

    def tensors(self) -> list[NamedArray]:
        """Return the request's tensors."""
        return self._entry.tensors()

    def reply_tensors(self, outputs: Sequence[NamedArray]) -> None:
        """Answer the request, unless user code has."""
        if not self._entry.is_answered():
            self._entry.reply_tensors(outputs)

    def singles(self) -> Sequence[LocalBatch]:
        """Return the batch itself unless it is answered."""
        return () if self._entry.is_answered() else (self,)


def arrange(tensors: list[NamedArray], signature: Signature) -> list[NamedArray]:
    """Put tensors in the order of a model's inputs and check names, count and types.

    Raises:
        InputError: They do not fit.
    """
    signature = accepted(signature)
    specs = signature.inputs
    known = [spec.name for spec in specs]
    given = [name for name, _ in tensors]
    if specs and (any(given) if signature.strict_names else set(given) & set(known)):
        for name in given:
            if name not in known:
                raise InputError(f"the model has no input {name!r}; it has: {', '.join(known)}")
        tensors = sorted(tensors, key=lambda tensor: known.index(tensor[0]))
    least = sum(spec.required for spec in specs)
    fits = not specs or signature.open_ended or len(tensors) <= len(specs)
    if len(tensors) < least or not fits:
        raise InputError(f"the model takes {len(specs)} input tensors, got {len(tensors)}")
    tensors = _with_bools(tensors, specs)
    for (_, array), spec in zip(tensors, specs, strict=False):
        dtype = "string" if array.dtype == object else array.dtype.name
        if spec.dtype not in (None, dtype):
            raise InputError(f"input {spec.name!r} is {spec.dtype}, got {dtype}")
    return tensors


def _with_bools(tensors: list[NamedArray], specs: Sequence[TensorSpec]) -> list[NamedArray]:
    """Return the tensors, a uint8 as a bool where the model takes a bool: messages have none."""
    bools = [spec.dtype == "bool" for spec in specs]
    bools += [False] * (len(tensors) - len(bools))
    return [
        (name, array.astype(np.bool_) if is_bool and array.dtype == np.uint8 else array)
        for (name, array), is_bool in zip(tensors, bools, strict=False)
    ]
