"""Profiles of model files."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grps.config.schema import ModelConfig
from grps.errors import DeviceError
from grps.profile.errors import ProfileError
from grps.profile.memory import peak, reset_peak, resident
from grps.profile.model import Options, profile_model
from tests.models import MAGIKA
from tests.onnx_models import ELEMENTS, save_node

QUICK = Options(budget_s=0.05, max_batch=4, machine=False)


def config(path: Path, **keys: Any) -> ModelConfig:
    keys.setdefault("inferer_type", "onnxruntime")
    keys.setdefault("device", "cpu")
    return ModelConfig(name="m", version="1", inferer_path=str(path), **keys)


def test_a_real_model_is_profiled() -> None:
    steps: list[tuple[str, str]] = []
    found = profile_model(config(MAGIKA), QUICK, lambda *step: steps.append(step))
    assert found.engine == "ONNX Runtime"
    assert found.inputs.startswith("bytes int32[1,2048] ")
    assert found.recording.runs >= 3
    assert found.operators()[0].seconds >= found.operators()[-1].seconds
    assert found.batches.curve is not None
    assert [point.size for point in found.batches.curve.points] == [1, 2, 4]
    assert found.thread_counts.curve is not None
    assert found.thread_counts.curve.points[0].size == 1
    assert found.memory.file == MAGIKA.stat().st_size
    assert found.machine is None
    assert {"loading", "runs", "operators", "batches", "threads"} == {step for step, _ in steps}


def test_a_model_of_fixed_rows_has_no_latency_by_rows(tmp_path: Path) -> None:
    tensor = ("float32", [2, 3])
    path = save_node(
        tmp_path / "m.onnx",
        "Relu",
        [("x", ELEMENTS[tensor[0]], tensor[1])],
        [("y", ELEMENTS[tensor[0]], tensor[1])],
    )
    options = Options(budget_s=0.05, machine=False, threads=False)
    found = profile_model(config(path), options)
    assert found.batches.curve is None
    assert found.batches.reason == "the first dimension of input x is fixed to 2"
    assert found.thread_counts.reason == "not asked for"
    found = profile_model(
        config(path),
        Options(
            given=lambda signature: np.ones((2, 3), np.float32),
            budget_s=0.05,
            max_batch=0,
            threads=False,
            machine=False,
        ),
    )
    assert (found.inputs, found.batches.reason) == ("x float32[2,3] (given)", "not asked for")


def test_threads_are_those_that_are_asked_for() -> None:
    options = Options(budget_s=0.05, max_batch=0, threads=False, machine=False)
    found = profile_model(config(MAGIKA, inferer_args={"intra_op_threads": 1}), options)
    assert found.threads == 1


def test_what_has_no_profiler_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="XGBoost has no profiler of operators; these have: "):
        profile_model(config(tmp_path / "m.json", inferer_type="xgboost"), QUICK)
    with pytest.raises(ProfileError, match="device cuda:0: profiles are made on the CPU"):
        profile_model(config(MAGIKA, device="cuda:0"), QUICK)
    with pytest.raises(DeviceError, match="device"):
        profile_model(config(MAGIKA, device="somewhere"), QUICK)


def test_the_peak_of_memory_is_that_since_it_was_reset() -> None:
    assert resident() > 0
    if not reset_peak():
        pytest.skip("this kernel does not forget the peak")
    before = peak()
    assert before is not None
    size = 64 << 20
    # Not by an allocator, which may keep what it had.
    with mmap.mmap(-1, size) as pages:
        pages.write(bytes(size))
        after = peak()
    assert after is not None
    assert after - before > size // 2
    reset_peak()
    last = peak()
    assert last is not None
    assert last < after
