"""Files and text in, labels out, without code, by a real model of photographs."""

from __future__ import annotations

import io
import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import requests
import soundfile
import torch
from onnx import TensorProto
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from grps.protocol.arrays import to_arrays
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.models import CAT, IMAGENET_NAMES, save_efficientnet_onnx
from tests.onnx_models import save_node
from tests.support import RunningServer, serving, write_project

NORMALISED = {"mean": [0.5], "std": [0.5], "crop_fraction": 0.875, "interpolation": "bicubic"}
TOP = {"labels": str(IMAGENET_NAMES), "activation": "softmax", "top_k": 5}


class Mean(torch.nn.Module):
    """The mean of the tokens that the mask leaves."""

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return (input_ids * attention_mask).sum(1) / attention_mask.sum(1)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_efficientnet_onnx(tmp_path_factory.mktemp("network") / "lite0.onnx")


def save_models(folder: Path) -> None:
    """Write a model of sound, a tokenizer and a model of tokens."""
    row = ("x", TensorProto.FLOAT, ["n", "t"])
    peak = [("y", TensorProto.FLOAT, ["n"])]
    save_node(folder / "peak.onnx", "ReduceMax", [row], peak, axes=[1], keepdims=0)
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "good": 2, "film": 4}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.save(str(folder / "tokenizer.json"))
    rows, length = torch.export.Dim("rows"), torch.export.Dim("length")
    shape = {0: rows, 1: length}
    given = tuple(torch.ones(2, 3, dtype=torch.int64) for _ in range(2))
    program = torch.export.export(Mean(), given, dynamic_shapes=(shape, shape))
    torch.export.save(program, folder / "mean.pt2")


def entries(folder: Path, network: Path) -> list[dict[str, Any]]:
    """The models of the service."""
    image = {
        "inferer_type": "onnxruntime",
        "inferer_path": str(network),
        "converter_type": "image",
        "converter_args": {**NORMALISED, **TOP},
    }
    intel = {"streams": 2, "inference_precision": "f32"}
    sound = {"inferer_path": str(folder / "peak.onnx"), "converter_type": "audio"}
    text = {"inferer_path": str(folder / "mean.pt2"), "converter_type": "text"}
    found: dict[str, dict[str, Any]] = {
        "cats": image,
        "batched": {**image, "batching": {"type": "dynamic", "max_batch_size": 4}},
        "apart": {**image, "isolation": "process"},
        "intel": {**image, "inferer_type": "openvino", "inferer_args": intel},
        "scores": {**image, "converter_type": "labels", "converter_args": TOP},
        "loudest": {
            "inferer_type": "onnxruntime",
            **sound,
            "converter_args": {"sample_rate": 8000, "max_seconds": 2},
        },
        "words": {
            "inferer_type": "torch",
            **text,
            "converter_path": str(folder / "tokenizer.json"),
        },
    }
    return [{"name": name, "version": "1", **keys} for name, keys in found.items()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, network: Path) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("converters")
    save_models(folder)
    write_project(folder, entries(folder, network))
    with serving(folder) as running:
        yield running


def post(server: RunningServer, model: str, body: bytes, kind: str | None = None) -> Any:
    headers = {"Content-Type": kind} if kind else {}
    return requests.post(f"{server.url()}?model={model}", body, headers=headers, timeout=60)


def tensors_of(answer: Any) -> dict[str, Any]:
    found = {}
    for tensor in answer["gtensors"]["tensors"]:
        (values,) = (value for key, value in tensor.items() if key.startswith("flat_"))
        found[tensor["name"]] = (tensor["shape"], values)
    return found


def expected(network: Path) -> tuple[np.ndarray, np.ndarray]:
    """Indices and scores of the cat, by the engine itself and the usual preprocessing."""
    image = Image.open(CAT).convert("RGB")
    short = min(image.size)
    size = (int(256 * image.width / short), int(256 * image.height / short))
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    values = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
    pixels = ((values / np.float32(255) - np.float32(0.5)) / np.float32(0.5)).transpose(2, 0, 1)
    session = onnxruntime.InferenceSession(str(network))
    logits = session.run(None, {"image": np.ascontiguousarray(pixels[None])})[0][0]
    exponents = np.exp(logits - logits.max())
    best = np.argsort(-logits, kind="stable")[:5]
    return best, (exponents / exponents.sum())[best]


def test_curl_with_a_photograph_gives_labels(server: RunningServer, network: Path) -> None:
    command = ["curl", "-s", "--data-binary", f"@{CAT}", f"{server.url()}?model=cats"]
    ran = subprocess.run(command, check=True, capture_output=True)
    found = tensors_of(json.loads(ran.stdout))
    names = json.loads(IMAGENET_NAMES.read_text())
    best, scores = expected(network)
    assert found["label"] == ([1, 5], [names[index] for index in best])
    assert "cat" in found["label"][1][0]
    assert [int(index) for index in found["index"][1]] == best.tolist()
    np.testing.assert_allclose(found["score"][1], scores, rtol=1e-4)


@pytest.mark.parametrize("model", ["batched", "apart", "intel"])
def test_every_way_of_running_it_says_the_same(
    server: RunningServer, network: Path, model: str
) -> None:
    best, scores = expected(network)
    body = CAT.read_bytes()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(server, model, body), range(24)))
    for answer in answers:
        found = tensors_of(answer.json())
        assert [int(index) for index in found["index"][1]] == best.tolist()
        np.testing.assert_allclose(found["score"][1], scores, rtol=2e-3)


@pytest.mark.parametrize(
    "kind", [None, "image/png", "application/octet-stream", "application/x-www-form-urlencoded"]
)
def test_content_types_of_files(server: RunningServer, kind: str | None) -> None:
    assert post(server, "cats", CAT.read_bytes(), kind).status_code == 200


def test_other_content_types_are_refused(server: RunningServer) -> None:
    answer = post(server, "cats", b"x", "text/html")
    assert answer.status_code == 415
    assert post(server, "scores", b"x", "text/plain").status_code == 415
    assert post(server, "scores", b"x").status_code == 400


def test_a_bad_file_of_a_batch_fails_alone(server: RunningServer) -> None:
    bodies = [CAT.read_bytes(), b"no image", CAT.read_bytes()[:5000], CAT.read_bytes()] * 4
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: post(server, "batched", body), bodies))
    assert [answer.status_code for answer in answers] == [200, 400, 400, 200] * 4
    assert "is no image of JPEG" in answers[1].json()["status"]["msg"]
    assert "\n" not in answers[2].json()["status"]["msg"]


def test_over_grpc_with_several_files(server: RunningServer, network: Path) -> None:
    message = GrpsMessage(model="batched-1")
    for name in ("a", "b"):
        message.gmap.s_b[name] = CAT.read_bytes()
    with server.stub() as stub:
        answer = stub.Predict(message, timeout=30)
    found = dict(to_arrays(answer))
    best, _ = expected(network)
    assert found["index"].tolist() == [best.tolist()] * 2


@pytest.mark.parametrize("model", ["cats", "batched", "apart"])
def test_who_wants_chunks_gets_one(server: RunningServer, model: str) -> None:
    url = f"{server.url()}?model={model}&streaming=true"
    answer = requests.post(url, CAT.read_bytes(), timeout=30)
    assert answer.status_code == 200
    assert "cat" in tensors_of(answer.json())["label"][1][0]


def test_tensors_in_and_labels_out(server: RunningServer) -> None:
    zeros = np.zeros((1, 3, 224, 224)).tolist()
    found = tensors_of(server.post({"model": "scores", "ndarray": zeros}).json())
    assert found["label"][0] == [1, 5]
    answer = server.post({"model": "scores", "ndarray": [[1, 2]]})
    assert answer.status_code == 400
    assert "has shape [-1, 3, 224, 224], got [1, 2]" in answer.json()["status"]["msg"]


def test_sound(server: RunningServer) -> None:
    def ask(seconds: float) -> Any:
        buffer = io.BytesIO()
        sound = np.zeros(int(seconds * 8000), np.float32)
        sound[100] = 0.75
        soundfile.write(buffer, sound, 8000, format="WAV", subtype="FLOAT")
        return post(server, "loudest", buffer.getvalue(), "audio/wav")

    assert tensors_of(ask(2).json())["y"] == ([1], [0.75])
    answer = ask(2.001)
    assert answer.status_code == 400
    assert "lasts 2.0 s; at most 2 s are allowed" in answer.json()["status"]["msg"]


def test_text(server: RunningServer) -> None:
    for kind in (None, "text/plain; charset=utf-8", "application/x-www-form-urlencoded"):
        answer = post(server, "words", b"good film", kind)
        assert tensors_of(answer.json())["output"] == ([1], [3.0])
    answer = server.post({"model": "words", "str_data": "good film"})
    assert tensors_of(answer.json())["output"] == ([1], [3.0])
    texts = {"dtype": "DT_STRING", "shape": [2], "flat_string": ["good film", "film"]}
    answer = server.post({"model": "words", "gtensors": {"tensors": [texts]}})
    assert tensors_of(answer.json())["output"] == ([2], [3.0, 4.0])
    answer = post(server, "words", b"\xff\xfe", "text/plain")
    assert answer.status_code == 400
    assert "is not UTF-8 text from byte 0 on" in answer.json()["status"]["msg"]


@pytest.mark.parametrize("model", ["cats", "intel", "loudest", "words"])
def test_metadata_tells_the_engines_side(server: RunningServer, model: str) -> None:
    url = server.url("/grps/v1/metadata/model")
    text = requests.post(url, json={"str_data": model}, timeout=30).json()["str_data"]
    assert "inputs:\n- dtype: " in text
    assert "outputs:\n- dtype: " in text
    assert "placed_on:\n- cpu\n" in text
    assert "batching:\n  type: none\n" in text


def test_the_dashboard_is_told_what_a_body_is(server: RunningServer) -> None:
    told = requests.get(server.url("/grps/v1/monitor/models"), timeout=30).json()
    bodies = {model["name"]: model["raw_body"] for model in told["models"]}
    assert (bodies["cats"], bodies["loudest"], bodies["words"]) == ("bytes", "bytes", "text")
    assert bodies["scores"] is None
