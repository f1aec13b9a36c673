"""``grpst inspect``."""

from __future__ import annotations

import json
import re
from pathlib import Path

import joblib
import pytest
from click.testing import CliRunner
from onnx import TensorProto
from sklearn.linear_model import LogisticRegression

from grps.cli.main import main
from tests.onnx_models import save_node

SHAPE = ["n", 2]


@pytest.mark.parametrize(
    ("axis", "can", "words"),
    [
        (0, False, "no: output y of a row depends on the other rows that run with it"),
        (1, True, "yes, by --batching_type dynamic"),
    ],
)
def test_says_whether_requests_can_be_joined(
    tmp_path: Path, axis: int, can: bool, words: str
) -> None:
    tensors = (("x", TensorProto.FLOAT, SHAPE), ("y", TensorProto.FLOAT, SHAPE))
    path = save_node(tmp_path / "m.onnx", "Softmax", tensors[:1], tensors[1:], axis=axis)
    shown = CliRunner().invoke(main, ["inspect", str(path)])
    assert f"batches {words}" in shown.output
    report = json.loads(CliRunner().invoke(main, ["inspect", str(path), "--json"]).stdout)
    assert report["can_be_batched"] is can
    assert (report["not_batched"] is None) is can


def test_shows_the_labels_of_a_table(tmp_path: Path) -> None:
    path = tmp_path / "m.joblib"
    joblib.dump(LogisticRegression().fit([[0, 1], [1, 0]], ["good", "bad"]), path)
    shown = CliRunner().invoke(main, ["inspect", str(path), "--trusted"])
    assert re.search(r"probabilities +float64 +\[-1, 2\]\n +columns +bad, good\n", shown.output)


def test_a_language_model_is_served_and_not_inspected(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF")
    shown = CliRunner().invoke(main, ["inspect", str(path)])
    assert shown.exit_code == 1
    assert f"use: grpst llm_serve {path}" in shown.output
