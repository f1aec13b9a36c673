"""Boosters of XGBoost."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import xgboost

from grps.backends.backend import Signature, TensorSpec
from grps.backends.common.arguments import read_arguments
from grps.backends.common.arrays import wire_array
from grps.backends.common.causes import one_line, run_error
from grps.backends.common.device import Device, choose_device, parse_device
from grps.backends.common.learned_outputs import learn_outputs
from grps.backends.formats import expect_format
from grps.config.schema import ModelConfig
from grps.errors import ModelError


class XgboostArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of an XGBoost model."""

    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    """CPU threads of one run; a share of the usable CPUs when absent."""
    output_margin: bool = False
    """Return the raw sums of the trees instead of what the objective makes of them."""
    iteration_range: tuple[int, int] | None = None
    """First tree and the one after the last; the best ones of early stopping when absent."""


class XgboostBackend:
    """One booster."""

    def __init__(self, booster: xgboost.Booster, arguments: XgboostArguments, device: str) -> None:
        """Serve ``booster``, which is on ``device``."""
        self._booster = booster
        self._margin = arguments.output_margin
        self._range = arguments.iteration_range or _best_range(booster)
        self._threads = arguments.intra_op_threads
        # Linear boosters support neither prediction in place nor a range of trees.
        self._is_linear = _kind_of(booster) == "gblinear"
        inputs = (TensorSpec("input", "float32", (None, booster.num_features())),)
        outputs = learn_outputs(inputs, self.infer) or (TensorSpec("output", "float32"),)
        self._signature = Signature(inputs, outputs, strict_names=True, device=device)

    @property
    def signature(self) -> Signature:
        """Inputs and outputs, in the order ``infer`` takes them."""
        return self._signature

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        """Run the booster on the rows; see ``Backend.infer``."""
        try:
            answer = self._predict(inputs[0])
        except Exception as error:
            raise run_error(_cause(error)) from error
        return [("output", wire_array(answer))]

    def _predict(self, rows: np.ndarray) -> Any:
        if self._is_linear:
            matrix = xgboost.DMatrix(rows, nthread=self._threads)
            return self._booster.predict(matrix, output_margin=self._margin)
        return self._booster.inplace_predict(
            rows,
            iteration_range=self._range,
            predict_type="margin" if self._margin else "value",
            validate_features=False,
        )


def load(model: ModelConfig) -> XgboostBackend:
    """Load one copy of ``model`` from its ``.ubj`` or ``.json`` file.

    Raises:
        DeviceError: The device is unknown or absent.
        ModelError: The file is no such model, or XGBoost refused it.
    """
    arguments = read_arguments(XgboostArguments, model.inferer_args)
    device = _choose(parse_device(model.device, model.inp_device))
    path = Path(model.inferer_path or "")
    expect_format(path, "xgboost")
    try:
        booster = xgboost.Booster(model_file=path)
        settings: dict[str, Any] = {"device": str(device)}
        if arguments.intra_op_threads:
            settings["nthread"] = arguments.intra_op_threads
        booster.set_param(settings)
        return XgboostBackend(booster, arguments, str(device))
    except Exception as error:
        raise ModelError(f"{path}: {_cause(error)}") from error


def _choose(device: Device) -> Device:
    if device.kind == "original":
        device = device.inputs or Device("cpu")
    if device.kind == "auto":
        return Device("cpu")
    built_in = bool(xgboost.build_info().get("USE_CUDA"))
    # XGBoost does not report the number of devices; one that is absent is refused at the first run.
    count = device.index + 1 if built_in else 0
    return choose_device(device, count, "this build of xgboost has no CUDA; install xgboost")


def _best_range(booster: xgboost.Booster) -> tuple[int, int]:
    """Return the trees up to the best round of early stopping; all when it stopped nothing."""
    best = booster.attr("best_iteration")
    return (0, int(best) + 1) if best is not None else (0, 0)


def _kind_of(booster: xgboost.Booster) -> str:
    config: dict[str, Any] = json.loads(booster.save_config())
    return str(config["learner"]["gradient_booster"]["name"])


def _cause(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if not line.startswith(("Stack trace", "[bt]"))]
    # A line of its log is "[12:00:00] file:line: text".
    return one_line(causes[0].rpartition(": ")[2] or causes[0]) if causes else type(error).__name__
