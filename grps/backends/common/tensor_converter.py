"""Messages of tensors to an engine's tensors and back: what the converters of all engines share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

from grps.backends.common.rows import NamedArrays, by_name_or_position, join_rows, split_rows
from grps.inference.context import GrpsContext
from grps.inference.converter import Converter
from grps.protocol.arrays import to_arrays, to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage

Tensor = TypeVar("Tensor")


class TensorConverter(Converter, Generic[Tensor]):
    """Converts messages of tensors; an engine says how one array becomes one of its tensors."""

    @staticmethod
    @abstractmethod
    def _to_tensor(array: Any) -> Tensor:
        """Return a numpy array as a tensor of the engine."""

    def enter(self, arrays: NamedArrays) -> list[Tensor] | dict[str, Tensor]:
        """Return arrays as tensors: by name when all have one, as a list when none has.

        Args:
            arrays: The names and the arrays; empty names for those without.

        Raises:
            InputError: Only some have a name, or two have the same.
        """
        return by_name_or_position([(name, self._to_tensor(array)) for name, array in arrays])

    @staticmethod
    @abstractmethod
    def leave(result: object) -> NamedArrays:
        """Return what an inferer made of tensors as named arrays on the CPU.

        Args:
            result: A tensor, a list, a tuple or a dict of tensors.
        """

    def init(self, path: str | None = None, args: Any = None) -> None:
        """Remember the arguments; there is nothing to prepare."""
        super().init(path, args)

    def preprocess(
        self, inp: GrpsMessage, context: GrpsContext
    ) -> list[Tensor] | dict[str, Tensor]:
        """Return the request's tensors, a dict when they have names, else a list."""
        return self.enter(to_arrays(inp))

    def postprocess(self, inp: Any, context: GrpsContext) -> GrpsMessage:
        """Return a message of a tensor, a list, a tuple or a dict of tensors."""
        return to_message(self.leave(inp))

    def batch_preprocess(
        self, inps: list[GrpsMessage], contexts: list[GrpsContext]
    ) -> list[Tensor] | dict[str, Tensor]:
        """Join the rows of several requests."""
        return self.enter(join_rows(inps, contexts))

    def batch_postprocess(self, inp: Any, contexts: list[GrpsContext]) -> list[GrpsMessage]:
        """Split the rows of the outputs among the requests."""
        return split_rows(self.leave(inp), contexts)
