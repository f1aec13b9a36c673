"""The demo's features and labels, against the real model, and its talk with a server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tools.demo import FILES, ask, choose_ports, read_answer, request_body, show_files
from tools.magika_model import INPUT_NAME, OUTPUT_NAME, MagikaModel, load_model
from tools.repository import ROOT


@pytest.fixture(scope="module")
def model() -> MagikaModel:
    return load_model()


@pytest.fixture(scope="module")
def session(model: MagikaModel) -> Any:
    return onnxruntime.InferenceSession(str(model.path), providers=["CPUExecutionProvider"])


@pytest.fixture
def server_url(session: Any) -> Iterator[str]:
    """A stand-in for the predict route: the same model behind the same JSON."""

    class Predict(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            tensor = body["gtensors"]["tensors"][0]
            tokens = np.array(tensor["flat_int32"], np.int32).reshape(tensor["shape"])
            scores = session.run(None, {tensor["name"]: tokens})[0][0].tolist()
            tensors = [{"name": OUTPUT_NAME, "flat_float32": scores}]
            answer = json.dumps({"gtensors": {"tensors": tensors}}).encode()
            self.send_response(200 if self.path.startswith("/predict") else 503)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Predict) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/predict"
        server.shutdown()
        thread.join()


def test_short_file_is_stripped_and_padded(model: MagikaModel) -> None:
    tokens = model.features(b" \n ab \t")
    assert len(tokens) == model.first_bytes + model.last_bytes
    assert tokens[:5] == [97, 98, 32, 9, 256]
    assert tokens[-6:] == [256, 32, 10, 32, 97, 98]


def test_long_file_gives_its_ends(model: MagikaModel) -> None:
    tokens = model.features(b"a" * 5000 + b"b" * 5000)
    assert tokens == [97] * 1024 + [98] * 1024
    assert model.features(b"") == [256] * 2048


@pytest.mark.parametrize(("pattern", "label"), FILES.items())
def test_files_of_the_demo(model: MagikaModel, session: Any, pattern: str, label: str) -> None:
    content = next(ROOT.glob(pattern)).read_bytes()
    tokens = np.array([model.features(content)], np.int32)
    scores = session.run([OUTPUT_NAME], {INPUT_NAME: tokens})[0][0].tolist()
    found = model.decode(scores)
    assert found.label == label
    assert found.score > 0.5


@pytest.mark.parametrize(
    ("label", "score", "shown"),
    [
        ("python", 0.51, "python"),
        ("python", 0.49, "txt"),
        ("markdown", 0.74, "txt"),
        ("markdown", 0.76, "markdown"),
        ("elf", 0.3, "unknown"),
        ("randomtxt", 0.9, "txt"),
        ("randombytes", 0.9, "unknown"),
    ],
)
def test_unsure_answers_become_general(
    model: MagikaModel, label: str, score: float, shown: str
) -> None:
    scores = [0.0] * len(model.labels)
    scores[model.labels.index(label)] = score
    assert model.decode(scores).label == shown


def test_wrong_number_of_scores(model: MagikaModel) -> None:
    with pytest.raises(ValueError, match="214 labels, not 3"):
        model.decode([0.1, 0.2, 0.3])


def test_table_of_right_answers(
    model: MagikaModel, server_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_files(model, server_url)
    assert "elf" in capsys.readouterr().out


def test_refusal_names_status_and_cause(model: MagikaModel, server_url: str) -> None:
    with pytest.raises(RuntimeError, match="answered 503"):
        ask(server_url.replace("/predict", "/down"), request_body(model, b"text"))
    with pytest.raises(RuntimeError, match="no tensor target_label"):
        read_answer(model, {"status": {}})


def test_two_different_ports() -> None:
    first, second = choose_ports()
    assert first != second
