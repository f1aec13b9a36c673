"""What a photograph costs from file to labels, in one process and served.

``python -m benchmarks.photographs`` makes ResNet-50 and a JPEG file, runs
both in this process, by Pillow, numpy and ONNX Runtime, and asks a service with the built-in
converter, by turns. It prints medians, and the converter's own time for small and large files.
"""

from __future__ import annotations

import argparse
import http.client
import io
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.engine_loops import make_resnet50, onnxruntime_loop
from benchmarks.load import processor_s, serving_models
from benchmarks.overhead import asker, cost_of
from grps.backends.backend import Signature, TensorSpec
from grps.config.schema import ModelConfig
from grps.converters.choice import BuiltInConverter, create_converter
from grps.protocol.pb.grps_pb2 import GrpsMessage

SIZES = ((640, 480), (4000, 3000))
ARGUMENTS: dict[str, Any] = {
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "crop_fraction": 0.875,
}
LABELS = {"activation": "softmax", "top_k": 5}
THREADS = 2


def photograph(size: tuple[int, int]) -> bytes:
    """A JPEG file of coarse noise, which is about as large as a photograph."""
    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 8, size[0] // 8, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def by_hand(file: bytes) -> np.ndarray:
    """Prepare an image as it is usually written."""
    image = Image.open(io.BytesIO(file)).convert("RGB")
    short = min(image.size)
    size = (int(256 * image.width / short), int(256 * image.height / short))
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224)), np.float32)
    mean, std = (np.array(ARGUMENTS[key], np.float32) for key in ("mean", "std"))
    values = (pixels / np.float32(255) - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def best_of(scores: np.ndarray) -> np.ndarray:
    """Return the five best classes."""
    exponents = np.exp(scores[0] - scores[0].max())
    best: np.ndarray = np.argsort(-exponents / exponents.sum())[:5]
    return best


def compare_converters() -> None:
    """Print the processor time from file to tensor, by hand and by the converter."""
    spec = TensorSpec("x", "float32", (None, 3, 224, 224))
    signature = Signature((spec,), (TensorSpec("y"),), strict_names=True)
    for size in SIZES:
        file = photograph(size)
        count = 100 if size == SIZES[0] else 10
        found = {"by hand": cost_of(partial(by_hand, file), time.process_time, count)}
        for reduced in (False, True):
            config = ModelConfig(
                name="m",
                version="1",
                inferer_type="onnxruntime",
                converter_type="image",
                converter_args={**ARGUMENTS, "reduced_decode": reduced},
            )
            read = partial(_read, create_converter(config, signature), GrpsMessage(bin_data=file))
            name = "reduced_decode" if reduced else "converter"
            found[name] = cost_of(read, time.process_time, count)
        told = ", ".join(f"{name} {cost.processor_ms:.2f} ms" for name, cost in found.items())
        print(f"{size[0]} x {size[1]}: {told}", flush=True)


def _read(converter: BuiltInConverter, message: GrpsMessage) -> dict[str, np.ndarray]:
    return converter.reader.join(converter.reader.read(message).items)


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.photographs", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--count", type=int, default=5, help="runs of a block")
    options = parser.parse_args()
    compare_converters()
    file = photograph(SIZES[0])
    pairs = []
    with tempfile.TemporaryDirectory() as name:
        network, _ = make_resnet50("onnxruntime", Path(name))
        loop = onnxruntime_loop(network, THREADS)
        model = {
            "name": "m",
            "version": "1",
            "device": "cpu",
            "inferer_type": "onnxruntime",
            "inferer_path": str(network),
            "inferer_args": {"intra_op_threads": THREADS},
            "converter_type": "image",
            "converter_args": {**ARGUMENTS, **LABELS},
        }
        with serving_models(Path(name) / "p", "", [model]) as state:
            connection = http.client.HTTPConnection("127.0.0.1", state.ports[0], timeout=60)
            ask = asker(connection, "/grps/v1/infer/predict", file, {"Content-Type": "image/jpeg"})
            for number in range(options.rounds + 1):
                own = cost_of(
                    lambda: best_of(loop(by_hand(file))), time.process_time, options.count
                )
                its = cost_of(ask, lambda: processor_s(state.pid), options.count)
                if number > 0:  # the first block warms up
                    pairs.append((own.processor_ms, its.processor_ms))
            connection.close()
    low, middle, high = statistics.quantiles([its / own for own, its in pairs], n=4)
    print(
        f"file to labels: in process {statistics.median(own for own, _ in pairs):.2f} ms, served "
        f"{statistics.median(its for _, its in pairs):.2f} ms of processor time; blocks side by "
        f"side {middle:.3f}x (quartiles {low:.3f}x to {high:.3f}x)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
