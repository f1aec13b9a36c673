"""The request that is printed after a start, from what a server tells of the model."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from grps.cli.output.example import Asked, Example, example_of


@pytest.fixture
def metadata_server() -> Iterator[HTTPServer]:
    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = self.server.body  # type: ignore[attr-defined]
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def example(server: HTTPServer, metadata: object) -> Example:
    body = json.dumps({"str_data": yaml.safe_dump(metadata)}).encode()
    server.body = body  # type: ignore[attr-defined]
    return example_of("127.0.0.1", server.server_port, Asked("m-1.0.0"))


def body_of(line: str) -> Any:
    """The JSON a line sends; the generator in front of curl is run."""
    words = shlex.split(line)
    if words[0] == "curl":
        return json.loads(words[words.index("-d") + 1])
    assert words[:2] == ["python3", "-c"]
    made = subprocess.run([sys.executable, "-c", words[2]], check=True, capture_output=True)
    return json.loads(made.stdout)


def test_one_small_input_is_an_ndarray(metadata_server: HTTPServer) -> None:
    inputs = [
        {"name": "x", "dtype": "float32", "shape": [-1, 2]},
        {"name": "y", "dtype": "float32", "shape": None, "optional": True},
    ]
    found = example(metadata_server, {"name": "m", "inputs": inputs})
    url = f"http://127.0.0.1:{metadata_server.server_port}/grps/v1/infer/predict"
    header = "-H 'Content-Type: application/json'"
    assert found == Example(f"curl {header} -d '{{\"ndarray\": [[1, 1]]}}' {url}", exact=True)


@pytest.mark.parametrize(("size", "program"), [(16, "curl"), (17, "python3")])
def test_the_limit_of_what_is_written_out(
    metadata_server: HTTPServer, size: int, program: str
) -> None:
    inputs = [{"name": "x", "dtype": "int32", "shape": [-1, size]}]
    line = example(metadata_server, {"inputs": inputs}).line
    assert line.split()[0] == program
    assert body_of(line) == {"ndarray": [[1] * size]}


def test_a_large_input_is_made_by_python(metadata_server: HTTPServer) -> None:
    inputs = [{"name": "x", "dtype": "DT_INT64", "shape": [-1, 3, 4, 5]}]
    line = example(metadata_server, {"inputs": inputs}).line
    code = 'import json; print(json.dumps({"ndarray": [[[[1] * 5] * 4] * 3]}))'
    assert line.startswith(f"python3 -c '{code}' | curl -H ")
    assert body_of(line) == {"ndarray": [[[[1] * 5] * 4] * 3]}


@pytest.mark.parametrize("size", [1, 2048])
def test_several_inputs_are_gtensors(metadata_server: HTTPServer, size: int) -> None:
    inputs = [
        {"name": 'it\'s "x"', "dtype": "string", "shape": []},
        {"name": "y", "dtype": "int8", "shape": [-1, size]},
    ]
    found = example(metadata_server, {"inputs": inputs})
    assert found.exact
    assert body_of(found.line)["gtensors"]["tensors"] == [
        {"name": 'it\'s "x"', "dtype": "DT_STRING", "shape": [], "flat_string": ["text"]},
        {"name": "y", "dtype": "DT_INT8", "shape": [1, size], "flat_int8": [1] * size},
    ]


def test_what_the_model_has_run_on_is_sent(metadata_server: HTTPServer) -> None:
    one = {"name": "x", "dtype": "string", "shape": [-1, 2]}
    given = {**one, "example": {"shape": [1, 2], "values": ["red", "1.0"]}}
    found = example(metadata_server, {"inputs": [given]})
    assert found.exact
    assert body_of(found.line) == {"ndarray": [["red", "1.0"]]}
    image = {**one, "shape": [-1], "example": {"shape": [1], "values": [{"b64": "iVBO"}]}}
    numbers = {"name": "y", "dtype": "int8", "example": {"shape": [1, 20], "values": [0]}}
    tensors = body_of(example(metadata_server, {"inputs": [image, numbers]}).line)["gtensors"]
    assert tensors["tensors"][0]["flat_string"] == [{"b64": "iVBO"}]
    assert tensors["tensors"][1]["flat_int8"] == [0] * 20
    failing = example(metadata_server, {"inputs": [one], "example_fails": True})
    assert not failing.exact
    assert failing.guessed_because == "the model refused all examples that were tried"
    unknown = example(metadata_server, {"inputs": [{**one, "dtype": None}]})
    assert unknown.guessed_because == "the model does not report its types and shapes"


def test_a_model_without_inputs_is_asked_with_no_tensor(metadata_server: HTTPServer) -> None:
    found = example(metadata_server, {"inputs": []})
    assert (found.exact, body_of(found.line)) == (True, {"gtensors": {"tensors": []}})


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"inputs": [{"name": "x"}]},
        "text",
        {"inputs": [], "open_ended": True},
        {"inputs": ["x"]},
    ],
)
def test_what_the_model_does_not_tell_is_guessed(
    metadata_server: HTTPServer, metadata: object
) -> None:
    found = example(metadata_server, metadata)
    assert not found.exact
    assert body_of(found.line) == {"ndarray": [[1, 1]]}


def test_untold_types_of_several_inputs_are_guessed(metadata_server: HTTPServer) -> None:
    found = example(metadata_server, {"inputs": [{"name": "x"}, {"name": "y"}]})
    assert not found.exact
    tensors = body_of(found.line)["gtensors"]["tensors"]
    assert [tensor["name"] for tensor in tensors] == ["x", "y"]
    assert tensors[0]["flat_float32"] == [1, 1]


@pytest.mark.parametrize("engine", ["openvino_genai", "llamacpp", "decoder", "vllm"])
def test_a_language_model_is_asked_in_a_chat(metadata_server: HTTPServer, engine: str) -> None:
    found = example(metadata_server, {"name": "smol", "inferer_type": engine})
    assert found.exact
    assert body_of(found.line)["model"] == "smol"
    assert found.line.endswith(f":{metadata_server.server_port}/v1/chat/completions")


@pytest.mark.parametrize(
    ("output", "path", "field"),
    [("embedding", "/v1/embeddings", "input"), ("score", "/v1/rerank", "documents")],
)
def test_a_text_model_is_asked_with_a_text(
    metadata_server: HTTPServer, tmp_path: Path, output: str, path: str, field: str
) -> None:
    (tmp_path / "modules.json").write_text("[]")
    metadata = {
        "name": "minilm",
        "inferer_type": "openvino",
        "inferer_path": str(tmp_path),
        "converter_type": "numpy",
        "inputs": [{"name": "input_ids", "dtype": "int64", "shape": [-1, -1]}],
        "outputs": [{"name": output, "dtype": "float32", "shape": [-1, 4]}],
    }
    found = example(metadata_server, metadata)
    assert found.exact
    assert body_of(found.line)["model"] == "minilm"
    assert body_of(found.line)[field] == ["A cat sleeps."]
    assert found.line.endswith(f":{metadata_server.server_port}{path}")


def test_the_configuration_describes_a_model_whose_service_says_nothing(
    metadata_server: HTTPServer,
) -> None:
    metadata_server.body = b"no"  # type: ignore[attr-defined]
    asked = Asked("smol-1", configured={"name": "smol", "inferer_type": "decoder"})
    found = example_of("127.0.0.1", metadata_server.server_port, asked)
    assert body_of(found.line)["model"] == "smol"
