"""A service that follows a repository of models in Triton's layout."""

from __future__ import annotations

from pathlib import Path

import requests
import yaml
from onnx import TensorProto

from tests.onnx_models import save_node
from tests.support import RunningServer, serving, wait_until, write_project

CONFIG = """
platform: "onnxruntime_onnx"
max_batch_size: 8
dynamic_batching { }
"""


def put(root: Path, version: int, operator: str) -> Path:
    folder = root / "net" / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    tensor = (TensorProto.FLOAT, ["n"])
    return save_node(folder / "model.onnx", operator, [("x", *tensor)], [("y", *tensor)])


def served(server: RunningServer) -> list[str]:
    models = requests.get(server.url("/grps/v1/admin/models"), timeout=30).json()["models"]
    return [one["model"] for one in models if one["state"] == "served"]


def answer(server: RunningServer) -> list[float]:
    found = server.post({"ndarray": [-3.0]}, "?return-ndarray=true").json()
    return list(found["ndarray"])


def test_a_later_version_takes_over_without_a_failed_request(tmp_path: Path) -> None:
    root = tmp_path / "models"
    put(root, 1, "Neg")
    (root / "net" / "config.pbtxt").write_text(CONFIG)
    folder = write_project(tmp_path / "project", [])
    conf = folder / "conf" / "inference.yml"
    stale = {"name": "net", "version": "1", "inferer_type": "onnxruntime"}
    models = [{**stale, "inferer_path": f"{root}/x"}]
    repository = {"path": str(root), "poll_seconds": 1}
    conf.write_text(yaml.safe_dump({"models": models, "repository": repository}))
    with serving(folder) as server:
        assert served(server) == ["net-1"]
        assert answer(server) == [3.0]
        put(root, 2, "Identity")
        answers = []

        def has_taken_over() -> bool:
            answers.append(answer(server))
            return served(server) == ["net-2"]

        wait_until(has_taken_over, "version 2 takes over")
        assert answer(server) == [-3.0]
        assert all(one in ([3.0], [-3.0]) for one in answers)
