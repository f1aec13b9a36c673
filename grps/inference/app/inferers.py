"""Functions and classes of the user's as inferers, which the runners run like any other."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import numpy as np

from grps.errors import ModelError
from grps.inference.app.declaration import Declared
from grps.inference.app.faults import located
from grps.inference.app.values import answer_of, values_of
from grps.inference.channel import NamedArray
from grps.inference.context import GrpsContext
from grps.inference.inferer import ModelInferer
from grps.protocol.pb.grps_pb2 import GrpsMessage


class AppInferer(ModelInferer):
    """A model that is a function or a class; makes the object of a class when it is loaded."""

    def __init__(self, declared: Declared) -> None:
        """Run what is declared."""
        super().__init__()
        self.declared = declared
        self._call: Callable[..., Any] | None = None
        self._context_name = next(
            (one.name for one in declared.parameters if one.kind == "context"), None
        )

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Remember the device, and the arguments of a class."""
        super().init(path, device, args)

    def load(self) -> bool:
        """Make the object of a class and load it.

        Raises:
            ModelError: The user's code has raised; the text says where.
        """
        try:
            self._call = self._made()
        except Exception as error:
            raise ModelError(located(error, self.declared.target)) from error
        return True

    def _made(self) -> Callable[..., Any]:
        target = self.declared.target
        if not isinstance(target, type):
            return target
        made = target(**self._arguments_of(target))
        load = getattr(made, "load", None)
        if callable(load):
            with_device = self.declared.loads_on_device
            loaded = load(self._device or "cpu") if with_device else load()
            if loaded is False:
                raise ModelError("load() returned False")
        call: Callable[..., Any] = made.infer if hasattr(made, "infer") else made
        return call

    def _arguments_of(self, target: type) -> dict[str, Any]:
        """Return the arguments of a class, after a look at whether it takes them."""
        given = self._args or {}
        with suppress(ValueError):  # it has no signature
            signature = inspect.signature(target)
            try:
                signature.bind(**given)
            except TypeError as error:
                raise ModelError(
                    f"{target.__name__}.__init__: {error}; its arguments are those of "
                    "--inferer_arg KEY=VALUE, in a project of inferer_args"
                ) from error
        return given

    @property
    def call(self) -> Callable[..., Any]:
        """The user's function, or the method of the object.

        Raises:
            ModelError: It is not loaded.
        """
        if self._call is None:
            raise ModelError("load() was not called")
        return self._call

    def with_context(self, values: dict[str, Any], context: GrpsContext) -> dict[str, Any]:
        """Return arguments with the context, if the function takes it."""
        if self._context_name is None:
            return values
        return {**values, self._context_name: context}

    def enter(self, tensors: list[NamedArray]) -> dict[str, np.ndarray]:
        """Return arrays, which come in the order of the parameters, by their names."""
        names = (one.name for one in self.declared.parameters if one.kind == "array")
        return {name: array for name, (_, array) in zip(names, tensors, strict=False)}

    def arguments(self, message: GrpsMessage, context: GrpsContext) -> dict[str, Any]:
        """Return the arguments that a request is converted to."""
        return self.with_context(values_of(message, self.declared.parameters), context)

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Run the function on one request."""
        return self._answered(self.call(**self.arguments(inp, context)))

    def _answered(self, result: Any) -> Any:
        return _pieces(result) if inspect.isgenerator(result) else answer_of(result)


class TensorFunction(AppInferer):
    """A function on arrays: the native codec converts."""

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Run the function on the arrays of one request."""
        return self.call(**self.with_context(inp, context))

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run the function on the joined rows of several requests."""
        return self.infer(inp, contexts[0])


class MessageBatch(AppInferer):
    """A function on lists with one value for each request of a batch."""

    def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Run the function on a batch of one."""
        return self.batch_infer([inp], [context])[0]

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run the function on the requests of a batch; those with the same parameters together.

        Raises:
            ModelError: It does not return one answer for each.
        """
        parameters = self.declared.parameters
        each = [values_of(message, parameters) for message in inp]
        together: dict[frozenset[str], list[int]] = {}
        for at, values in enumerate(each):
            together.setdefault(frozenset(values), []).append(at)
        answers: list[Any] = [None] * len(each)
        for places in together.values():
            found = self._called([each[at] for at in places])
            for at, answer in zip(places, found, strict=True):
                answers[at] = answer
        return answers

    def _called(self, each: list[dict[str, Any]]) -> list[Any]:
        """Call the function once for requests that have the same parameters."""
        lists = {name: [values[name] for values in each] for name in each[0]}
        answers = self.call(**lists)
        count = len(answers) if hasattr(answers, "__len__") else None
        if isinstance(answers, (str, bytes, dict)) or count != len(each):
            got = type(answers).__name__ if count is None else f"{count} of them"
            raise ModelError(
                f"{self.declared.target.__name__} must return a list of {len(each)} answers, one "
                f"for each request of the batch, got {got}"
            )
        return [answer_of(answer) for answer in answers]


class AsyncFunction(AppInferer):
    """An ``async def``: many requests run side by side."""

    async def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Run the function on one request."""
        return answer_of(await self.call(**self.arguments(inp, context)))


class AsyncStream(AppInferer):
    """An async generator: its pieces are the chunks of a stream."""

    async def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Yield the chunks for one request."""
        pieces = self.call(**self.arguments(inp, context))
        try:
            async for piece in pieces:
                yield answer_of(piece)
        finally:
            await pieces.aclose()


def inferer_of(declared: Declared) -> AppInferer:
    """Return the inferer of a function or a class."""
    if declared.form == "async":
        return AsyncFunction(declared)
    if declared.form == "async_generator":
        return AsyncStream(declared)
    if declared.takes_tensors:
        return TensorFunction(declared)
    return MessageBatch(declared) if declared.takes_lists else AppInferer(declared)


def _pieces(result: Any) -> Iterator[GrpsMessage | None]:
    with closing(result):
        for piece in result:
            yield answer_of(piece)
