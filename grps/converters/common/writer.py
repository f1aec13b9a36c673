"""The seam between the outputs of a model and a response."""

from __future__ import annotations

from typing import Protocol

from grps.converters.common.reader import Arrays
from grps.protocol.arrays import to_message
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Writer(Protocol):
    """Makes a response of a model's outputs. Several threads may call at once."""

    def write(self, outputs: Arrays) -> GrpsMessage:
        """Return the response for the rows of one request.

        Raises:
            ModelError: The outputs are not what is to be written.
        """


class TensorWriter:
    """Writes the outputs as they are."""

    def write(self, outputs: Arrays) -> GrpsMessage:
        """Return a message of all outputs."""
        return to_message(outputs.items())
