"""Workload payloads, answer checks and endpoint builders."""

import json
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers import paths, wire
from benchmarks.peers.api import Endpoint

WORKLOADS = {
    "W1": "echo of a tiny JSON / string",
    "W2": "float32[1,3,224,224] -> 3 channel means (user function)",
    "W3": "MLP 16-64-8, dynamic batching, max 32, 2 ms",
    "W4": "ResNet-50, batch 1, 2 intra-op threads",
    "W5": "stream of 200 small chunks",
    "W6": "chats by the API of OpenAI, from a mock engine with a fixed time per step",
    "W6-gguf": "chats by the API of OpenAI, from a real model",
}
CONCURRENCY: dict[str, tuple[int, ...]] = {
    "W1": (1, 8, 32),
    "W2": (1, 8),
    "W3": (1, 8, 32),
    "W4": (1, 4),
    "W5": (1, 16),
    "W6": (1, 8, 64),
    "W6-gguf": (1, 8, 64),
}
MODEL_NAME = {"W1": "echo", "W2": "mean", "W3": "mlp", "W4": "resnet", "W5": "stream"}
STREAM_CHUNKS = 200

_rng = np.random.default_rng(7)
IMAGE = np.round(_rng.random((1, 3, 224, 224), dtype=np.float32), 4).astype(np.float32)
MEANS = IMAGE.reshape(1, 3, -1).mean(axis=2)[0]
VECTOR = np.round(_rng.random((1, 16), dtype=np.float32), 4).astype(np.float32)
TEXT = "hello world"

JSON_HEADERS = {"Content-Type": "application/json"}
RAW_HEADERS = {"Content-Type": "application/octet-stream"}
OIP_METHOD = "/inference.GRPCInferenceService/ModelInfer"
GRPS_METHOD = "/grps.protos.v1.GrpsService/Predict"


# ---------------------------------------------------------------- payloads
def array(workload: str) -> np.ndarray:
    """Return the input tensor of a tensor workload."""
    return {"W2": IMAGE, "W3": VECTOR, "W4": IMAGE}[workload]


def flat_json(values: np.ndarray) -> str:
    """Render all values of an array as one flat JSON list."""
    return "[" + ",".join(f"{v:.4g}" for v in values.ravel().tolist()) + "]"


def nested_json(values: np.ndarray) -> str:
    """Render an array as nested JSON lists."""
    if values.ndim <= 1:
        return flat_json(values)
    return "[" + ",".join(nested_json(v) for v in values) + "]"


def json_body(workload: str) -> bytes:
    """Return the plain JSON request: {"x": ...}."""
    if workload == "W1":
        return json.dumps({"x": TEXT}, separators=(",", ":")).encode()
    if workload == "W5":
        return b'{"n":200}'
    return f'{{"x":{flat_json(array(workload))}}}'.encode()


def raw_body(workload: str) -> bytes:
    """Return the request as raw bytes (little-endian float32 for tensors)."""
    return TEXT.encode() if workload == "W1" else array(workload).tobytes()


def oip_json(workload: str) -> bytes:
    """Return the Open Inference Protocol JSON request."""
    if workload in ("W1", "W5"):
        tensor = {"name": "x", "shape": [1, 1], "datatype": "BYTES", "data": [TEXT]}
        return json.dumps({"inputs": [tensor]}).encode()
    values = array(workload)
    shape = json.dumps(list(values.shape))
    tensor_json = f'{{"name":"x","shape":{shape},"datatype":"FP32","data":{flat_json(values)}}}'
    return f'{{"inputs":[{tensor_json}]}}'.encode()


def oip_binary(workload: str) -> tuple[bytes, dict[str, str]]:
    """Return body and headers with the OIP binary-tensor extension."""
    values = array(workload)
    raw = values.tobytes()
    tensor = {
        "name": "x",
        "shape": list(values.shape),
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(raw)},
    }
    outputs = [{"name": "y", "parameters": {"binary_data": True}}]
    head = json.dumps({"inputs": [tensor], "outputs": outputs}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head)), **RAW_HEADERS}
    return head + raw, headers


def oip_grpc(workload: str) -> bytes:
    """Return an OIP ModelInferRequest with raw contents."""
    name = MODEL_NAME[workload]
    if workload == "W1":
        raw = struct.pack("<I", len(TEXT)) + TEXT.encode()
        return wire.oip_infer_request(name, "BYTES", (1, 1), raw)
    values = array(workload)
    return wire.oip_infer_request(name, "FP32", values.shape, values.tobytes())


# ---------------------------------------------------------------- checks
def _numbers(node: Any, out: list[float]) -> None:
    """Collect every number of a JSON document in order."""
    if isinstance(node, bool):
        return
    if isinstance(node, (int, float)):
        out.append(float(node))
    elif isinstance(node, dict):
        for value in node.values():
            _numbers(value, out)
    elif isinstance(node, list):
        for value in node:
            _numbers(value, out)


def _contains(values: Any, want: np.ndarray, tolerance: float) -> bool:
    """Tell whether `want` occurs as a run inside `values`."""
    sequence = np.asarray(values, np.float64)
    if len(sequence) < len(want):
        return False
    windows = np.lib.stride_tricks.sliding_window_view(sequence, len(want))
    with np.errstate(all="ignore"):
        return bool((np.abs(windows - want) < tolerance).all(axis=1).any())


def expected(workload: str) -> np.ndarray:
    """Return the first (up to 8) numbers of the right answer."""
    found: np.ndarray = MEANS
    if workload != "W2":
        found = np.load(paths.MODELS / f"expected_{workload}.npy").ravel()[:8]
    return np.asarray(found, np.float64)


def check(workload: str) -> Callable[[bytes], bool]:
    """Return a function that tells whether a response body is right.

    JSON is parsed; anything else is searched for the answer as packed float32.
    """
    if workload == "W1":
        return lambda response: TEXT.encode() in response
    want = expected(workload)
    tolerance = 2e-3 * float(np.abs(want).max())

    def verify(response: bytes) -> bool:
        try:
            numbers: list[float] = []
            _numbers(json.loads(response), numbers)
            if _contains(numbers, want, tolerance):
                return True
        except ValueError:
            pass
        for offset in range(4):
            part = response[offset:]
            part = part[: len(part) // 4 * 4]
            with np.errstate(all="ignore"):
                floats = np.frombuffer(part, "<f4").astype(np.float64)
            if _contains(floats, want, tolerance):
                return True
        return False

    return verify


# ---------------------------------------------------------------- endpoints
def http(
    variant: str,
    port: int,
    path: str,
    body: bytes,
    workload: str,
    headers: dict[str, str] | None = None,
) -> Endpoint:
    """Build an HTTP/1.1 endpoint, loaded by wrk."""
    merged = {**JSON_HEADERS, **(headers or {})}
    return Endpoint("http", variant, port, path, body, merged, check(workload))


def grpc(variant: str, port: int, method: str, message: bytes, workload: str) -> Endpoint:
    """Build a unary gRPC endpoint, loaded by h2load."""
    body = wire.grpc_frame(message)
    return Endpoint("grpc", variant, port, method, body, {}, check(workload))


def stream(variant: str, port: int, path: str, body: bytes = b"", method: str = "POST") -> Endpoint:
    """Build an HTTP/1.1 streaming endpoint, loaded by streamload.py."""
    return Endpoint("stream", variant, port, path, body, JSON_HEADERS, None, method)


def plain_endpoints(
    workload: str, port: int, paths_by_variant: dict[str, str] | None = None
) -> list[Endpoint]:
    """Endpoints of a framework with a free-form HTTP body: raw bytes and JSON."""
    where = {"raw": "/raw", "json": "/json", "stream": "/stream"}
    where.update(paths_by_variant or {})
    if workload == "W5":
        return [stream("http", port, where["stream"], json_body(workload))]
    found = []
    if workload != "W1":
        body = raw_body(workload)
        found.append(http("raw", port, where["raw"], body, workload, RAW_HEADERS))
    if workload != "W4":
        found.append(http("json", port, where["json"], json_body(workload), workload))
    return found


def oip_endpoints(
    workload: str, http_port: int, grpc_port: int, binary: bool = True
) -> list[Endpoint]:
    """Endpoints of an Open Inference Protocol server (HTTP binary, JSON, gRPC)."""
    if workload == "W5":
        return []
    path = f"/v2/models/{MODEL_NAME[workload]}/infer"
    found = []
    if binary and workload != "W1":
        body, headers = oip_binary(workload)
        found.append(http("oip-bin", http_port, path, body, workload, headers))
    if workload != "W4":
        found.append(http("oip-json", http_port, path, oip_json(workload), workload))
    message = oip_grpc(workload)
    found.append(grpc("oip-grpc", grpc_port, OIP_METHOD, message, workload))
    return found


def grps_endpoints(workload: str, http_port: int, grpc_port: int) -> list[Endpoint]:
    """Endpoints of the GRPS API: gRPC with gtensors, HTTP with JSON and with raw elements."""
    model = f"{MODEL_NAME[workload]}-1.0.0"
    path = f"/grps/v1/infer/predict?model={model}"
    if workload == "W1":
        body = json.dumps({"str_data": TEXT}).encode()
        message = wire.grps_text(TEXT, model)
    elif workload == "W5":
        body = json.dumps({"str_data": str(STREAM_CHUNKS)}).encode()
        return [stream("http", http_port, path + "&streaming=true", body)]
    else:
        path += "&return-ndarray=true"
        body = f'{{"ndarray":{nested_json(array(workload))}}}'.encode()
        message = wire.grps_tensor(array(workload), model)
    found = [
        grpc("grps-grpc", grpc_port, GRPS_METHOD, message, workload),
        http("grps-json", http_port, path, body, workload),
    ]
    if workload != "W1":
        shape = ",".join(map(str, array(workload).shape))
        path = f"/grps/v1/infer/predict?model={model}&shape={shape}"
        headers = {**RAW_HEADERS, "Accept": RAW_HEADERS["Content-Type"]}
        found.append(http("grps-raw", http_port, path, raw_body(workload), workload, headers))
    return found
