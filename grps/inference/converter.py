"""The user's converter: request message to model input, model output to response message."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from grps.inference.context import GrpsContext
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Converter(ABC):
    """Pre- and postprocessing around an inferer. One object serves all requests of a model.

    Derive from it, implement ``init``, ``preprocess`` and ``postprocess``, and register an object
    of the class with ``converter_register``. Requests run on several threads at once.
    """

    def __init__(self) -> None:
        """Make a converter that is not initialised."""
        self._path: str | None = None
        self._args: Any = None

    @abstractmethod
    def init(self, path: str | None = None, args: Any = None) -> None:
        """Prepare the converter.

        Args:
            path: ``converter_path`` of the model.
            args: ``converter_args`` of the model.
        """
        self._path = path
        self._args = args

    @abstractmethod
    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> Any:
        """Turn a request into what the inferer takes.

        Args:
            inp: The request.
            context: The request's context. After ``context.set_err_msg``, the inferer is not run.

        Returns:
            The input of ``infer``.

        Raises:
            InputError: The request is refused; the client gets the message and the status.
        """

    @abstractmethod
    def postprocess(self, inp: Any, context: GrpsContext) -> GrpsMessage:
        """Turn what the inferer returned, or one piece that it yielded, into the response.

        Args:
            inp: What ``infer`` returned or yielded.
            context: The request's context.
        """

    def batch_preprocess(self, inps: list[GrpsMessage], contexts: list[GrpsContext]) -> Any:
        """Turn the requests of one batch into what the inferer's ``batch_infer`` takes.

        Args:
            inps: The requests.
            contexts: The context of each request.
        """
        raise NotImplementedError("batch_preprocess is not implemented by this converter")

    def batch_postprocess(self, inp: Any, contexts: list[GrpsContext]) -> list[GrpsMessage]:
        """Turn what ``batch_infer`` returned into one response per request.

        Args:
            inp: What ``batch_infer`` returned.
            contexts: The context of each request.
        """
        raise NotImplementedError("batch_postprocess is not implemented by this converter")
