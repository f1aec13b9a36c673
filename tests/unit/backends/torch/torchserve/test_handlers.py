"""Handlers of GRPS's own ``ts``, each in a process as a model archive has it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.model_archives import MANIFEST, manifest_of
from tests.support import REPOSITORY
from tests.unit.deploy.archive.archives import write_tree

RUN = """
import json, sys
from pathlib import Path
from grps.backends.torch.torchserve.service import load_service
sys.path.insert(0, "")
service = load_service(Path(sys.argv[1]), None, 4)
context = service.context
from ts.context import RequestProcessor
"""


def run(folder: Path, code: str, manifest: bytes, **files: str | bytes) -> str:
    """Run code in a process that has loaded a handler; return what it prints."""
    named = {name.replace("__", "."): content for name, content in files.items()}
    write_tree(folder, {MANIFEST: manifest, **named})
    done = subprocess.run(
        [sys.executable, "-c", RUN + code, str(folder)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else done.stderr


def scripted(folder: Path, module: torch.nn.Module, example: torch.Tensor) -> str:
    torch.jit.trace(module, example).save(str(folder / "model.pt"))
    return "model.pt"


class Mean(torch.nn.Module):
    """Two classes, by the mean of an image."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mean = images.mean(dim=(1, 2, 3))
        return torch.stack([mean, -mean], dim=1)


def test_the_image_classifier(tmp_path: Path) -> None:
    name = scripted(tmp_path, Mean(), torch.zeros(1, 3, 224, 224))
    code = """
import io, numpy as np
from PIL import Image
from ts.torch_handler.image_classifier import ImageClassifier
ImageClassifier.topk = 2
rows = []
for value in (0, 255):
    out = io.BytesIO()
    Image.fromarray(np.full((300, 400), value, np.uint8)).save(out, "png")
    rows.append({"data": bytearray(out.getvalue())})
context.request_processor = [RequestProcessor({}) for _ in rows]
print(json.dumps(service.entry(rows, context)))
"""
    manifest = manifest_of("m", "image_classifier", serializedFile=name)
    labels = json.dumps({"0": "light", "1": ["n1", "dark"]})
    rows = json.loads(run(tmp_path, code, manifest, index_to_name__json=labels))
    assert [next(iter(row)) for row in rows] == ["dark", "light"]
    assert sum(rows[0].values()) == pytest.approx(1)


def test_a_program_of_torch_export(tmp_path: Path) -> None:
    batch = torch.export.Dim("batch", max=8)
    program = torch.export.export(Mean(), (torch.zeros(2, 1, 1, 1),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "model.pt2")
    handler = """
from ts.torch_handler.base_handler import BaseHandler
class Handler(BaseHandler):
    def preprocess(self, data):
        return super().preprocess([[[[float(row["body"])]]] for row in data])
"""
    code = """
context.request_processor = [RequestProcessor({})] * 3
print(json.dumps(service.entry([{"body": number} for number in (1, 2, 3)], context)))
"""
    manifest = manifest_of("m", "handler.py", serializedFile="model.pt2")
    out = run(tmp_path, code, manifest, handler__py=handler)
    assert json.loads(out) == [[1, -1], [2, -2], [3, -3]]


def test_files_that_are_no_model(tmp_path: Path) -> None:
    manifest = manifest_of("m", "base_handler", serializedFile="model.bin")
    out = run(tmp_path, "", manifest, model__bin=b"weights")
    assert "model.bin is none of .pt, .pth and .ts (TorchScript), .onnx, .pt2" in out


def test_explanations_of_images_need_captum(tmp_path: Path) -> None:
    name = scripted(tmp_path, Mean(), torch.zeros(1, 3, 224, 224))
    code = """
sys.modules["captum"] = None
context.request_processor = [RequestProcessor({"explain": "True"})]
try:
    service.entry([{"body": [[[0.0]]]}], context)
except Exception as error:
    print(error.error_code, error.message)
"""
    out = run(tmp_path, code, manifest_of("m", "image_classifier", serializedFile=name))
    assert out.startswith("501 explanations need the package captum: pip install captum")


def test_a_module_that_is_not_installed(tmp_path: Path) -> None:
    handler = "import not_there.part\n"
    out = run(tmp_path, "", manifest_of("m", "handler.py"), handler__py=handler)
    assert "the handler handler.py needs the module not_there: install not_there beside" in out


def test_what_a_handler_knows(tmp_path: Path) -> None:
    handler = """
import os
from ts import __version__
from ts.handler_utils.timer import timed
from ts.metrics.dimension import Dimension
from ts.metrics.metric_type_enum import MetricTypes
from ts.protocol.otf_message_handler import send_intermediate_predict_response
from ts.utils.util import PredictionException, list_classes_from_module

class Helper:
    def handle(self, data, context): raise AssertionError

class Handler(Helper):
    context = None
    def initialize(self, context):
        config = context.model_yaml_config
        self.seen = {**context.system_properties, "cwd": os.getcwd(), "yaml": config}
        context.metrics.add_metric("own", value=1, metric_type=MetricTypes.GAUGE)
        context.metrics.add_counter("calls", 1, None, [Dimension("a", "b")])
        context.metrics.add_error("errors", "text")
    @timed
    def handle(self, data, context):
        return [self.seen]
"""
    manifest = manifest_of("m", "handler", configFile="config.yaml")
    code = "print(json.dumps(service.entry([{}], context)[0]))"
    out = run(tmp_path, code, manifest, handler__py=handler, config__yaml="a: {b: 1}")
    assert json.loads(out) == {
        "model_dir": str(tmp_path),
        "gpu_id": None,
        "batch_size": 4,
        "server_name": "MMS",
        "server_version": "0.12.0",
        "limit_max_image_pixels": True,
        "cwd": str(tmp_path),
        "yaml": {"a": {"b": 1}},
    }


def test_modules_that_are_not_provided(tmp_path: Path) -> None:
    handler = "import ts.torch_handler.text_classifier\n"
    out = run(tmp_path, "", manifest_of("m", "handler.py"), handler__py=handler)
    assert "ts.torch_handler.text_classifier is a module of TorchServe that GRPS does not" in out


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        ("x = 1\n", "it has: none"),
        ("class A:\n def handle(self, d, c): 0\nclass B(A): 0\nclass C(A): 0\n", "it has: B, C"),
    ],
)
def test_handlers_without_one_class(tmp_path: Path, handler: str, text: str) -> None:
    assert text in run(tmp_path, "", manifest_of("m", "handler.py"), handler__py=handler)


def test_the_package_of_torchserve_goes_first(tmp_path: Path) -> None:
    write_tree(
        tmp_path / "installed" / "ts",
        {
            "__init__.py": "__version__ = 'installed'\n",
            "context.py": "class Context:\n def __init__(self, *args): self.args = args\n"
            "class RequestProcessor: 0\n",
        },
    )
    code = "print(service.context.args[5])"
    handler = "def handle(data, context): return data\n"
    write_tree(tmp_path, {"handler.py": handler, MANIFEST: manifest_of("m", "handler.py")})
    path = f"import sys; sys.path.append({str(tmp_path / 'installed')!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", path + RUN + code, str(tmp_path)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "installed\n"


def test_other_processes_have_no_ts() -> None:
    code = (
        "import grps.server.loading.loaders, importlib.util; print(importlib.util.find_spec('ts'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout == "None\n"
