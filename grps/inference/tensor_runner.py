"""Running models on tensors, one request at a time or in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from grps.errors import InputError, ModelError
from grps.inference.channel import Batch, NamedArray
from grps.inference.runner import fail, refusal
from grps.log import logger


class TensorModel(Protocol):
    """A loaded model that takes and returns arrays."""

    def run(self, tensors: list[NamedArray], batch: Batch) -> list[NamedArray]:
        """Run the model once.

        Args:
            tensors: The inputs; in the model's order when it has a signature.
            batch: The requests they come from; one that fails by itself may be answered here.

        Returns:
            The outputs, C-contiguous.
        """


class Engine(Protocol):
    """A backend, as the runner sees it."""

    def infer(self, inputs: Sequence[np.ndarray]) -> list[NamedArray]:
        """Run the model once on one array per input, in the model's order."""


class EngineModel:
    """A backend's model."""

    def __init__(self, engine: Engine) -> None:
        """Run ``engine``."""
        self._engine = engine

    def run(self, tensors: list[NamedArray], batch: Batch) -> list[NamedArray]:
        """Run the engine on the arrays in their order."""
        del batch  # an engine has no requests
        return self._engine.infer([array for _, array in tensors])


class SourceModel(EngineModel):
    """A backend's model without inputs."""

    def run(self, tensors: list[NamedArray], batch: Batch) -> list[NamedArray]:
        """Run the engine; see ``TensorModel.run``.

        Raises:
            InputError: The request holds tensors.
        """
        if tensors:
            raise InputError(
                'the model takes no input; send no tensor: {"gtensors": {"tensors": []}}'
            )
        return super().run(tensors, batch)


class TensorRunner:
    """Runs a model on the joined rows of a batch; user code never sees a message."""

    def __init__(self, model: TensorModel, name: str) -> None:
        """Run ``model``, called ``name`` in the log."""
        self._model = model
        self._name = name

    def run(self, batch: Batch) -> None:
        """Run all requests with the model."""
        if len(batch) == 1:
            self._run_alone(batch)
            return
        try:
            self._run(batch)
        except BaseException as error:
            # One bad request must not fail the others: each is tried again by itself.
            if refusal(error) is None:
                logger.warning("%s failed on a batch of %d", self._name, len(batch), exc_info=True)
            for single in batch.singles():
                self._run_alone(single)

    def close(self, timeout_s: float | None) -> bool:
        """Do nothing: nothing runs outside ``run``."""
        del timeout_s
        return True

    def _run_alone(self, batch: Batch) -> None:
        try:
            self._run(batch)
        except BaseException as error:
            for entry in batch.entries():
                fail(entry, error, self._name)

    def _run(self, batch: Batch) -> None:
        outputs = self._model.run(batch.tensors(), batch)
        for name, array in outputs:
            if batch.rows is not None and array.shape[:1] != (batch.rows,):
                raise ModelError(
                    f"output {name} has shape {list(array.shape)}, not {batch.rows} rows: "
                    "the model does not keep one row per input row, so it can't be batched"
                )
        batch.reply_tensors(outputs)
