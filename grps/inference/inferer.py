"""The user's inferer: loads a model and runs it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from grps.inference.context import GrpsContext


class ModelInferer(ABC):
    """A model in the user's own code. One object serves all requests of a model."""

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
        """Run the model on one input: the converter's, or the request without a converter."""

    def batch_infer(self, inp: Any, contexts: list[GrpsContext]) -> Any:
        """Run the model on one batch."""
        raise NotImplementedError("batch_infer is not implemented by this inferer")
