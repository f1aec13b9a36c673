"""The seam between a request and the rows of a model's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from grps.protocol.pb.grps_pb2 import GrpsMessage

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Read:
    """The rows of one request."""

    items: list[Any]
    """In the reader's own form; ``join`` makes arrays of those of one or several requests."""
    rows: int
    """Rows of the model's inputs that they become."""


class Reader(Protocol):
    """Makes a model's inputs of requests. Several threads may call at once."""

    @property
    def filled(self) -> Mapping[str, str]:
        """What goes into each input of the model, in words, by its name."""

    def example(self) -> GrpsMessage | None:
        """Return a request that can be read; ``None`` when the model's own inputs are requests."""

    def read(self, message: GrpsMessage) -> Read:
        """Decode one request.

        Raises:
            InputError: It holds something else, or something beyond a cap.
        """

    def join(self, items: list[Any]) -> Arrays:
        """Return the model's inputs, by name, for the items of a run.

        Raises:
            InputError: The items do not fit together.
        """
