"""Check the TensorRT backend on a machine with an NVIDIA GPU.

Builds an engine with two optimisation profiles from a small ONNX model made on the fly, serves it
by ``grpst trt_serve`` with several streams, asks it from several threads with changing shapes and
compares its answers with ONNX Runtime's on the CPU. ``--rehearse`` serves the ONNX model itself,
which shows that the check works where there is no GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tools.demo import GRPST, HOST, choose_ports

FEATURES = 16
MOST_ROWS = 64
PROFILES = (((1, 2, 4)), ((4, 32, MOST_ROWS)))
"""Least, best and most rows of each."""
STREAMS = 3
THREADS = 8
REQUESTS = 200
TOLERANCE = 1e-2
"""TF32 keeps ten bits of a number; the products here are about one."""
REQUEST_TIMEOUT_S = 60
NAME = "grps_verify_tensorrt"
PACKAGES = {"onnx": "onnx", "onnxruntime": "onnxruntime"}
GPU_PACKAGES = {"tensorrt": "tensorrt", "cuda": "cuda-bindings"}


class Mismatch(Exception):
    """The service did not do what it should."""


def make_onnx() -> bytes:
    """Return a model: ``y = relu(x · w + b)``, and ``high``, a bool of where y is above one."""
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(7)
    weights = {
        "w": random.normal(0, 0.25, (FEATURES, 8)).astype(np.float32),
        "b": random.normal(0, 0.25, 8).astype(np.float32),
        "one": np.ones(1, np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["y"]),
        helper.make_node("Greater", ["y", "one"], ["high"]),
    ]
    graph = helper.make_graph(
        nodes,
        "verify",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", FEATURES])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 8]),
            helper.make_tensor_value_info("high", TensorProto.BOOL, ["n", 8]),
        ],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def build_engine(onnx_model: bytes) -> bytes:
    """Build the engine of a model on this machine's GPU.

    Raises:
        RuntimeError: TensorRT refused.
    """
    import tensorrt

    log = tensorrt.Logger(tensorrt.Logger.WARNING)
    builder = tensorrt.Builder(log)
    network = builder.create_network(0)
    parser = tensorrt.OnnxParser(network, log)
    if not parser.parse(onnx_model):
        errors = [str(parser.get_error(index)) for index in range(parser.num_errors)]
        raise RuntimeError(f"TensorRT can't read the ONNX model: {'; '.join(errors)}")
    settings = builder.create_builder_config()
    for rows in PROFILES:
        profile = builder.create_optimization_profile()
        profile.set_shape("x", *((count, FEATURES) for count in rows))
        settings.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, settings)
    if plan is None:
        raise RuntimeError("TensorRT built no engine; its log above says why")
    return bytes(plan)


def ask(port: int, array: np.ndarray) -> tuple[int, dict[str, Any]]:
    """Send one request; return the HTTP status and the answer."""
    tensor = {
        "name": "x",
        "dtype": "DT_FLOAT32",
        "shape": list(array.shape),
        "flat_float32": array.ravel().tolist(),
    }
    request = urllib.request.Request(
        f"http://{HOST}:{port}/grps/v1/infer/predict",
        json.dumps({"gtensors": {"tensors": [tensor]}}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_TIMEOUT_S) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def read_outputs(answer: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return the output tensors of an answer by name."""
    found = {}
    for tensor in answer["gtensors"]["tensors"]:
        field = {"DT_FLOAT32": "flat_float32", "DT_UINT8": "flat_uint8"}[tensor["dtype"]]
        dtype = np.dtype(field.removeprefix("flat_"))
        found[tensor["name"]] = np.array(tensor[field], dtype).reshape(tensor["shape"])
    return found


def compare(number: int, port: int, session: Any) -> float:
    """Ask one question, compare the answer and return its greatest difference.

    Raises:
        Mismatch: The answer is an error or differs too much.
    """
    random = np.random.default_rng(number)
    array = random.normal(0, 1, (number % MOST_ROWS + 1, FEATURES)).astype(np.float32)
    status, answer = ask(port, array)
    if status != 200:
        raise Mismatch(f"{array.shape[0]} rows: status {status}: {answer}")
    [expected, _] = session.run(["y", "high"], {"x": array})
    outputs = read_outputs(answer)
    if outputs["y"].shape != expected.shape:
        raise Mismatch(f"y has shape {outputs['y'].shape}, not {expected.shape}")
    difference = float(np.abs(outputs["y"] - expected).max())
    if not difference <= TOLERANCE:
        raise Mismatch(f"{array.shape[0]} rows: y differs by {difference}")
    sure = np.abs(outputs["y"] - 1) > TOLERANCE
    if not np.array_equal(outputs["high"][sure], (outputs["y"] > 1)[sure].astype(np.uint8)):
        raise Mismatch(f"{array.shape[0]} rows: high does not fit y")
    return difference


def check_range(port: int) -> None:
    """Ask for a row too many.

    Raises:
        Mismatch: It is answered, or the refusal does not tell the range.
    """
    status, answer = ask(port, np.zeros((MOST_ROWS + 1, FEATURES), np.float32))
    text = json.dumps(answer)
    # The engine's profile says so, or the batcher before it.
    told = (f"[4..{MOST_ROWS}, {FEATURES}]", f"at most {MOST_ROWS} are taken at once")
    if status != 400 or not any(limit in text for limit in told):
        raise Mismatch(f"{MOST_ROWS + 1} rows: expected 400 with the range, got {status}: {text}")


@contextmanager
def serving(verb: str, model: Path, flags: list[str]) -> Iterator[int]:
    """Serve a model with services of its own; yield the port."""
    ports = choose_ports()
    environment = {**os.environ, "GRPS_HOME": str(model.parent / "home")}
    usual = ["--name", NAME, "--host", HOST, "--port", f"{ports[0]},{ports[1]}", "--no_logging"]
    command = [str(GRPST), verb, str(model), *usual, *flags]
    print("$", " ".join(command), flush=True)
    subprocess.run(command, check=True, env=environment)
    try:
        yield ports[0]
    finally:
        subprocess.run([str(GRPST), "stop", NAME], check=False, env=environment)


def verify(folder: Path, *, rehearse: bool) -> None:
    """Build, serve with and without batching, and compare.

    Raises:
        Mismatch: The service did not do what it should.
    """
    import onnxruntime

    onnx_model = make_onnx()
    session = onnxruntime.InferenceSession(onnx_model, providers=["CPUExecutionProvider"])
    model = folder / ("model.onnx" if rehearse else "model.engine")
    model.write_bytes(onnx_model if rehearse else build_engine(onnx_model))
    verb = "onnx_serve" if rehearse else "trt_serve"
    streams = [] if rehearse else ["--streams", str(STREAMS)]
    for batching in ([], ["--batching_type", "dynamic", "--max_batch_size", str(MOST_ROWS)]):
        with serving(verb, model, [*streams, *batching]) as port:
            with ThreadPoolExecutor(THREADS) as threads:
                found = threads.map(lambda number: compare(number, port, session), range(REQUESTS))
                greatest = max(found)
            if not rehearse:
                check_range(port)
        kind = "dynamic" if batching else "none"
        print(f"batching {kind}: {REQUESTS} answers are right, greatest difference {greatest:.1e}")


def missing(names: dict[str, str]) -> list[str]:
    """Return the packages that can't be imported."""
    return [package for module, package in names.items() if find_spec(module) is None]


def main() -> int:
    """Verify and say how it went: 0 verified, 1 failed, 2 it can't be tried here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="no GPU: serve the ONNX model")
    rehearse = parser.parse_args().rehearse
    lacking = missing(PACKAGES if rehearse else PACKAGES | GPU_PACKAGES)
    if lacking:
        print(f"not tried: install first: pip install {' '.join(lacking)}")
        return 2
    if not rehearse:
        from grps.backends.common.device import Device
        from grps.backends.tensorrt.cuda import find_device
        from grps.errors import DeviceError

        try:
            find_device(Device("auto"))
        except DeviceError as error:
            print(f"not tried: {error}")
            return 2
    try:
        with tempfile.TemporaryDirectory() as folder:
            verify(Path(folder), rehearse=rehearse)
    except (Mismatch, RuntimeError, OSError, subprocess.CalledProcessError) as error:
        print(f"FAILED: {error}")
        return 1
    print("REHEARSED: the check works; TensorRT itself was not run" if rehearse else "VERIFIED")
    return 0


if __name__ == "__main__":
    sys.exit(main())
