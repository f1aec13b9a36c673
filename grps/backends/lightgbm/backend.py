"""Boosters of LightGBM."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import lightgbm
import msgspec
import numpy as np

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.arguments import read_arguments
from grps.backends.common.arrays import wire_array
from grps.backends.common.causes import one_line, run_error
from grps.backends.common.device import parse_device, require_cpu
from grps.backends.formats import expect_format
from grps.config.schema import ModelConfig
from grps.errors import ModelError


class LightgbmArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of a LightGBM model."""

    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """CPU threads of one run; a share of the usable CPUs when absent."""
    raw_score: bool = False
    """Return the raw sums of the trees instead of what the objective makes of them."""
    num_iteration: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """Trees that are used; the best ones of early stopping, else all, when absent."""


class LightgbmBackend:
    """One booster."""

    def __init__(self, booster: lightgbm.Booster, arguments: LightgbmArguments) -> None:
        """Serve ``booster``."""
        self._booster = booster
        self._options: dict[str, Any] = {
            "raw_score": arguments.raw_score,
            "num_iteration": arguments.num_iteration,
            "num_threads": arguments.intra_op_threads or 0,
        }
        classes = booster.num_model_per_iteration()
        shape = (None, classes) if classes > 1 else (None,)
        self._signature = Signature(
            inputs=(TensorSpec("input", "float64", (None, booster.num_feature())),),
            outputs=(TensorSpec("output", "float64", shape),),
            strict_names=True,
            device="cpu",
        )

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the booster on the rows; see ``Backend.infer``."""
        try:
            answer = self._booster.predict(inputs[0], **self._options)
        except Exception as error:
            raise run_error(one_line(str(error))) from error
        return [("output", wire_array(answer))]


def load(model: ModelConfig) -> LightgbmBackend:
    """Load one copy of ``model`` from the text file that ``save_model`` wrote.

    Raises:
        DeviceError: The device is not the CPU.
        ModelError: The file is no such model, or LightGBM refused it.
    """
    arguments = read_arguments(LightgbmArguments, model.inferer_args)
    require_cpu(parse_device(model.device, model.inp_device), "LightGBM")
    path = Path(model.inferer_path or "")
    expect_format(path, "lightgbm")
    try:
        return LightgbmBackend(lightgbm.Booster(model_file=path), arguments)
    except Exception as error:
        raise ModelError(f"{path}: {one_line(str(error))}") from error
