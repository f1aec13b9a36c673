"""What profilers record."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grps.backends.operators import Operator, Recording, TensorForm, merged, record
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.errors import ModelError


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("float32", 24),
        ("float16", 12),
        ("bfloat16", 12),
        ("int8", 6),
        ("uint64", 48),
        ("bool", 6),
        ("int4", 3),
        ("string", 0),
        ("f8e4m3", 0),
    ],
)
def test_bytes_follow_the_type(dtype: str, size: int) -> None:
    assert TensorForm(dtype, (2, 3)).size_bytes == size


def test_equal_calls_are_added_up() -> None:
    x, y = TensorForm("float32", (4,)), TensorForm("float32", (8,))
    calls = [
        Operator(kind="Relu", inputs=(x,), outputs=(x,), seconds=1.0),
        Operator(kind="Relu", inputs=(y,), outputs=(y,), seconds=4.0),
        Operator(kind="Relu", inputs=(x,), outputs=(x,), seconds=2.0),
    ]
    first, second = merged(calls)
    assert (first.seconds, first.calls, first.moved_bytes) == (3.0, 2, 32)
    assert (second.seconds, second.calls, second.moved_bytes) == (4.0, 1, 64)


def test_the_explained_share_is_that_of_covered_time() -> None:
    found = Recording(runs=1, wall_s=2.0, engine_s=1.9, covered_s=1.5, operators=())
    assert found.explained == 0.75
    assert Recording(runs=0, wall_s=0, engine_s=0, covered_s=0, operators=()).explained == 0


def test_an_engine_that_profiles_has_a_profiler() -> None:
    folder = Path(__file__).parents[3] / "grps" / "backends"
    declared = {name for name, engine in ENGINES.items() if engine.profiles}
    assert declared == {file.parent.name for file in folder.glob("*/profiler.py")}
    assert declared == {"onnxruntime", "openvino", "tensorflow", "torch"}


def test_a_missing_model_is_an_error_of_the_model(tmp_path: Path) -> None:
    config = ModelConfig(
        name="m",
        version="1",
        inferer_type="onnxruntime",
        inferer_path=str(tmp_path / "none.onnx"),
        device="cpu",
    )
    with pytest.raises(ModelError, match=r"none\.onnx: no such file"):
        record(config, [np.zeros(1)], 1)
