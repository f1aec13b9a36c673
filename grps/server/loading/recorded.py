"""Warming a copy of a model with requests that were recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grps.backends.backend import Signature
from grps.errors import GrpsError, ModelError
from grps.inference.context import GrpsContext
from grps.inference.runner import describe
from grps.protocol.pb.grps_pb2 import GrpsMessage
from grps.server.loading.copies import LoadedCopy
from grps.server.loading.local_entry import LocalBatch, LocalEntry
from grps.server.native import json_to_message


def run_recorded(key: str, files: tuple[str, ...], copy: LoadedCopy) -> None:
    """Run each runner of a copy on each recorded request.

    Args:
        key: The model, for errors.
        files: JSON files, each with a message as a client sends it to ``infer/predict``.
        copy: The loaded copy.

    Raises:
        ModelError: A file can't be read, or the model does not answer it.
    """
    for file in files:
        try:
            message = _read(file)
            for runner in dict.fromkeys(copy.runners):
                entry = LocalEntry(message, GrpsContext(), copy.signature)
                runner.run(LocalBatch(entry))
                entry.wait()
                if isinstance(entry.raised, KeyboardInterrupt):
                    raise entry.raised
                if entry.failure is not None:
                    raise ModelError(entry.failure)
        except (GrpsError, OSError, ValueError) as error:
            raise ModelError(f"model {key}: warm-up with {file}: {describe(error)}") from error


def first_recorded(files: tuple[str, ...], signature: Signature) -> list[np.ndarray]:
    """Return the tensors of the first recorded request, which the model has answered."""
    entry = LocalEntry(_read(files[0]), GrpsContext(), signature)
    return [array for _, array in entry.tensors()]


def _read(file: str) -> GrpsMessage:
    return GrpsMessage.FromString(json_to_message(Path(file).read_bytes()))
