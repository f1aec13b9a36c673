"""A server of model archives of TorchServe, for the tests of its protocols."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from grps.deploy.archive.model_archive import unpack_model_archive
from tests.model_archives import manifest_of, write_mar
from tests.support import RunningServer, serving, user_model, write_user_project

NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 2)

    def forward(self, rows):
        return self.layer(rows)
"""
EAGER_HANDLER = """
import json
import torch
from ts.torch_handler.base_handler import BaseHandler

class NetHandler(BaseHandler):
    def preprocess(self, data):
        rows = [row.get("data") or row.get("body") for row in data]
        rows = [row if isinstance(row, list) else json.loads(row) for row in rows]
        return torch.tensor(rows, dtype=torch.float32)

    def get_insights(self, rows, inputs, target):
        return [{"rows": rows.tolist(), "target": int(target)}]
"""
SCRIPTED_HANDLER = """
import torch

model = None

def entry(data, context):
    global model
    if data is None:
        folder = context.system_properties["model_dir"]
        model = torch.jit.load(f"{folder}/{context.manifest['model']['serializedFile']}")
        return None
    rows = torch.tensor([row["body"] for row in data])
    with torch.inference_mode():
        return [{"scores": row} for row in model(rows).tolist()]
"""
CASES_HANDLER = """
import base64
import json
import time
from pathlib import Path
from ts.handler_utils.utils import send_intermediate_predict_response
from ts.utils.util import PredictionException

class Cases:
    def initialize(self, context):
        self.gate = Path(__file__).parent.parent / "release"

    def handle(self, data, context):
        if any(row.get("case") == b"wait" for row in data):
            (self.gate.parent / "started").touch()
            while not self.gate.exists():
                time.sleep(0.005)
        return [self.answer(number, row, context, len(data)) for number, row in enumerate(data)]

    def answer(self, number, row, context, size):
        case = bytes(row.get("case", b"")).decode()
        if case == "describe":
            values = {
                name: [type(value).__name__, base64.b64encode(value).decode()]
                if isinstance(value, bytearray) else [type(value).__name__, value]
                for name, value in row.items()
            }
            header = context.get_request_header(number, "X-Own")
            return {"values": values, "header": header, "id": context.get_request_id(number)}
        if case == "text":
            return "h\u00e9"
        if case == "bytes":
            context.set_response_content_type(number, "image/png")
            return b"\\x89PNG"
        if case == "status":
            context.set_response_status(404, "not here", number)
            context.set_response_header(number, "X-Answer", "yes")
            return {"reason": "none"}
        if case == "fail":
            raise PredictionException("refused by the handler", 513)
        if case == "raise":
            raise ValueError("broken")
        if case == "memory":
            raise MemoryError
        if case == "wrong":
            return {1, 2}
        if case == "pieces":
            for piece in ("a", "b"):
                send_intermediate_predict_response([piece], {number: "id"}, "", 200, context)
            return "c"
        return {"batch": size}
"""


def net(folder: Path) -> torch.nn.Module:
    """The model of the archives, with weights that do not change; its weights are written."""
    torch.manual_seed(1)
    scope: dict[str, Any] = {}
    exec(NET, scope)
    model: torch.nn.Module = scope["Net"]()
    torch.save(model.state_dict(), folder / "net.pt")
    traced = torch.jit.trace(model, torch.zeros(1, 3))
    traced.save(str(folder / "scripted.pt"))
    return model


def archives(folder: Path) -> Iterator[tuple[str, Path]]:
    """The archives of an eager model, of a scripted one, and of a handler without a model."""
    weights, scripted = ((folder / name).read_bytes() for name in ("net.pt", "scripted.pt"))
    eager = manifest_of("eager", "handler.py", modelFile="net.py", serializedFile="net.pt")
    files: dict[str, str | bytes] = {"handler.py": EAGER_HANDLER, "net.py": NET, "net.pt": weights}
    yield "eager", write_mar(folder / "eager.mar", eager, files)
    manifest = manifest_of("scripted", "handler.py:entry", serializedFile="model.pt")
    files = {"handler.py": SCRIPTED_HANDLER, "model.pt": scripted}
    yield "scripted", write_mar(folder / "scripted.mar", manifest, files)
    cases = manifest_of("cases", "handler")
    yield "cases", write_mar(folder / "cases.mar", cases, {"handler.py": CASES_HANDLER})


@pytest.fixture(scope="package")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """The folder of the weights, and what the model makes of 1, 2, 3."""
    folder = tmp_path_factory.mktemp("weights")
    return folder, net(folder)(torch.tensor([[1.0, 2.0, 3.0]]))[0].tolist()


@pytest.fixture(scope="package")
def server(
    tmp_path_factory: pytest.TempPathFactory, expected: tuple[Path, list[float]]
) -> Iterator[RunningServer]:
    """A server of all archives, and of a model of GRPS."""
    folder = tmp_path_factory.mktemp("torchserve")
    models = [user_model("echo")]
    for name, archive in archives(expected[0]):
        unpack_model_archive(archive, folder / name)
        models.append(
            {
                "name": name,
                "version": "1.0",
                "inferer_type": "torchserve",
                "inferer_path": name,
                "isolation": "process",
                "batching": {"type": "dynamic", "max_batch_size": 4},
            }
        )
    server = {"torchserve": {"enabled": True}, "tfserving": {"enabled": False}}
    with serving(write_user_project(folder, models, server)) as running:
        yield running
