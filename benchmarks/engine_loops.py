"""Each engine by its own means: a model to run and a loop that runs it, as its users write them."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

Loop = Callable[[np.ndarray], np.ndarray]
"""Runs a model once on its only input and returns its first output."""
PEERS = Path(__file__).parent / "peers" / "apps"
PLANAR, LAST = [1, 3, 224, 224], [1, 224, 224, 3]


def onnxruntime_loop(model: Path, threads: int) -> Loop:
    """A session, as the server opens one."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda array: session.run(None, {name: array})[0]


def openvino_loop(model: Path, threads: int) -> Loop:
    """An infer request of a compiled model."""
    import openvino

    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    request = openvino.Core().compile_model(model, "CPU", settings).create_infer_request()
    return lambda array: request.infer([array], share_inputs=True)[0]


def torch_loop(model: Path, threads: int) -> Loop:
    """A TorchScript module."""
    import torch

    torch.set_num_threads(threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = torch.jit.load(str(model))

    def run(array: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            found: np.ndarray = module(torch.from_numpy(array)).numpy()
            return found

    return run


def tensorflow_loop(model: Path, threads: int) -> Loop:
    """The signature of a SavedModel."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    loaded = tf.saved_model.load(str(model))
    function: Any = loaded.signatures["serving_default"]
    (name,) = function.structured_input_signature[1]

    def run(array: np.ndarray) -> np.ndarray:
        (answer,) = function(**{name: tf.constant(array)}).values()
        found: np.ndarray = answer.numpy()
        return found

    # What was loaded holds the variables of its function.
    run.loaded = loaded  # type: ignore[attr-defined]
    return run


LOOPS: dict[str, Callable[[Path, int], Loop]] = {
    "onnxruntime": onnxruntime_loop,
    "openvino": openvino_loop,
    "torch": torch_loop,
    "tensorflow": tensorflow_loop,
}
"""By ``inferer_type``."""


def make_resnet50(engine: str, folder: Path) -> tuple[Path, list[int]]:
    """Write ResNet-50 with random weights for an engine; return it and its input's shape."""
    if engine == "tensorflow":
        path = folder / "resnet50"
        # In a process of its own: once TensorFlow has run, its threads can't be set any more.
        process = get_context("spawn").Process(target=_export_keras_resnet50, args=(path,))
        process.start()
        process.join()
        return path, LAST
    import torch

    sys.path.insert(0, str(PEERS))
    network = importlib.import_module("make_models").ResNet50().eval()
    sys.path.remove(str(PEERS))
    sample = torch.zeros(PLANAR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if engine == "torch":
            path = folder / "resnet50.pt"
            torch.jit.trace(network, sample).save(str(path))
        else:
            path = folder / "resnet50.onnx"
            torch.onnx.export(network, (sample,), str(path), dynamo=False)
    return path, PLANAR


def _export_keras_resnet50(path: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    keras.applications.ResNet50(weights=None).export(str(path), verbose=False)
