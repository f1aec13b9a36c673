"""Timing of models in a process of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grps.config.schema import ModelConfig
from grps.profile.child import time_in_process
from grps.profile.curves import Timing
from grps.profile.errors import ProfileError
from tests.models import MAGIKA

QUICK = Timing(warmup=0, least=2, most=2)


def config(path: Path) -> ModelConfig:
    return ModelConfig(
        name="m", version="1", inferer_type="onnxruntime", inferer_path=str(path), device="cpu"
    )


def test_a_model_is_timed() -> None:
    durations = time_in_process(config(MAGIKA), [np.zeros((1, 2048), np.int32)], QUICK)
    assert len(durations) == 2
    assert all(one > 0 for one in durations)


def test_a_failure_has_its_cause(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"a process ended: .*none\.onnx: no such file"):
        time_in_process(config(tmp_path / "none.onnx"), [np.zeros(1)], QUICK)
    with pytest.raises(ProfileError, match="inputs of strings"):
        time_in_process(config(MAGIKA), [np.array(["a"], dtype=object)], QUICK)
