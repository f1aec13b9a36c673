"""The check of TensorRT: its own rehearsal, and that it sees what is wrong."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tools import verify_tensorrt
from tools.repository import ROOT
from tools.verify_tensorrt import FEATURES, MOST_ROWS, Mismatch, check_range, compare, make_onnx

Answer = tuple[int, dict[str, Any]]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tools.verify_tensorrt", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_rehearsal_serves_and_compares() -> None:
    done = run("--rehearse")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "batching none: 200 answers are right" in done.stdout
    assert "batching dynamic: 200 answers are right" in done.stdout
    assert done.stdout.endswith("REHEARSED: the check works; TensorRT itself was not run\n")


@pytest.mark.skipif(find_spec("tensorrt") is not None, reason="TensorRT is installed")
def test_it_does_not_pass_without_tensorrt() -> None:
    done = run()
    assert done.returncode == 2
    assert done.stdout == "not tried: install first: pip install tensorrt\n"


@pytest.fixture(scope="module")
def session() -> Any:
    return onnxruntime.InferenceSession(make_onnx(), providers=["CPUExecutionProvider"])


def right_answer(session: Any, array: np.ndarray) -> dict[str, dict[str, Any]]:
    y, high = session.run(["y", "high"], {"x": array})
    return {
        "y": {"dtype": "DT_FLOAT32", "shape": list(y.shape), "flat_float32": y.ravel().tolist()},
        "high": {
            "dtype": "DT_UINT8",
            "shape": list(high.shape),
            "flat_uint8": high.astype(int).ravel().tolist(),
        },
    }


def spoil_nothing(tensors: dict[str, dict[str, Any]]) -> None:
    pass


def spoil_value(tensors: dict[str, dict[str, Any]]) -> None:
    tensors["y"]["flat_float32"][-1] += 0.5


def spoil_by_nan(tensors: dict[str, dict[str, Any]]) -> None:
    tensors["y"]["flat_float32"][0] = float("nan")


def spoil_shape(tensors: dict[str, dict[str, Any]]) -> None:
    tensors["y"]["shape"].reverse()


def spoil_bools(tensors: dict[str, dict[str, Any]]) -> None:
    tensors["high"]["flat_uint8"] = [1 - value for value in tensors["high"]["flat_uint8"]]


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (spoil_nothing, None),
        (spoil_value, "y differs by 0.5"),
        (spoil_by_nan, "y differs by nan"),
        (spoil_shape, "y has shape"),
        (spoil_bools, "high does not fit y"),
    ],
)
def test_wrong_answers_are_seen(
    session: Any, monkeypatch: pytest.MonkeyPatch, spoil: Any, text: str | None
) -> None:
    def ask(port: int, array: np.ndarray) -> Answer:
        tensors = right_answer(session, array)
        spoil(tensors)
        named = [{"name": name, **tensor} for name, tensor in tensors.items()]
        return 200, {"gtensors": {"tensors": named}}

    monkeypatch.setattr(verify_tensorrt, "ask", ask)
    if text is None:
        assert compare(5, 0, session) < 1e-6
    else:
        with pytest.raises(Mismatch, match=text):
            compare(5, 0, session)


def test_an_error_is_seen(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify_tensorrt, "ask", lambda port, array: (500, {"status": "failed"}))
    with pytest.raises(Mismatch, match="6 rows: status 500"):
        compare(5, 0, session)


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        ((400, {"msg": f"the engine allows [1..4, 16] or [4..{MOST_ROWS}, {FEATURES}]"}), True),
        ((400, {"msg": "no"}), False),
        ((200, {"msg": f"[4..{MOST_ROWS}, {FEATURES}]"}), False),
    ],
)
def test_the_refusal_of_a_row_too_many(
    monkeypatch: pytest.MonkeyPatch, answer: Answer, passes: bool
) -> None:
    monkeypatch.setattr(verify_tensorrt, "ask", lambda port, array: answer)
    if passes:
        check_range(0)
    else:
        with pytest.raises(Mismatch, match="65 rows: expected 400"):
            check_range(0)
