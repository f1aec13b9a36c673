"""The user's inferer: loads a model and runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from grps.inference.context import GrpsContext


class ModelInferer(ABC):
    """A model in the user's own code. One object serves all requests of a model.

    Derive from it, implement ``init``, ``load`` and ``infer``, and register an object of the class
    with ``inferer_register``. Requests run on several threads at once.
    """

    def __init__(self) -> None:
        """Make an inferer that is not initialised."""
        self._path: str | None = None
        self._device: str | None = None
        self._args: Any = None

    @abstractmethod
    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Prepare the inferer.

        Args:
            path: ``inferer_path`` of the model.
            device: ``device`` of the model.
            args: ``inferer_args`` of the model.
        """
        self._path = path
        self._device = device
        self._args = args

    @abstractmethod
    def load(self) -> bool | None:
        """Load the model. Returning ``False`` or raising keeps the service from starting."""

    @abstractmethod
    def infer(self, inp: Any, context: GrpsContext) -> Any:
        """Run the model on one input.

        It may also be a generator, whose pieces are the chunks of a stream, an ``async def``, or an
        async generator. Without a stream, the pieces are one answer: texts and bytes are joined;
        any other answer of several pieces is refused with status 400.

        Args:
            inp: What the converter's ``preprocess`` returned. With ``converter_type: numpy``, a
                dict of arrays by name; ``input`` is one without a name. Without a converter, the
                request, a ``GrpsMessage``.
            context: The request's context.

        Returns:
            What the converter's ``postprocess`` takes. With ``converter_type: numpy``, an array, a
            list or a dict of arrays. Without a converter, a ``GrpsMessage``; in customized HTTP,
            a response if none was set. ``None`` if all was sent by ``context.stream_respond``.

        Raises:
            InputError: The request is refused; the client gets the message and the status.
            Exception: Any other fails the request with status 500; its traceback is in the log.
        """

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run the model on one batch, with ``batching.type: dynamic``.

        Args:
            inp: What the converter's ``batch_preprocess`` returned. With ``converter_type: numpy``,
                a dict of arrays that have the rows of all requests. Without a converter, a list of
                requests.
            contexts: The context of each request.

        Returns:
            What the converter's ``batch_postprocess`` takes. With ``converter_type: numpy``, arrays
            with one row per row of the input. Without a converter, a list with one
            ``GrpsMessage`` per request.

        Raises:
            Exception: The requests are run again one by one, so that a bad one fails alone.
        """
        raise NotImplementedError("batch_infer is not implemented by this inferer")
