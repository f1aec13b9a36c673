"""What serving adds to the processor time of a model that runs in a loop.

``python -m benchmarks.overhead MODEL.onnx --shape 1,3,224,224`` serves an ONNX model of one float32
input and also runs it in this process, with the same engine and as many threads. Both take turns in
short blocks, so that whatever else the machine does meets both alike. It prints the medians.
"""

from __future__ import annotations

import argparse
import http.client
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.load import processor_s, serving_models

HEADERS = {"Content-Type": "application/octet-stream", "Accept": "application/octet-stream"}


def in_process(session: Any, array: np.ndarray, count: int) -> float:
    """Run the model some times; return processor seconds per run."""
    feeds = {session.get_inputs()[0].name: array}
    before = time.process_time()
    for _ in range(count):
        session.run(None, feeds)
    return (time.process_time() - before) / count


def served(
    pid: int, connection: http.client.HTTPConnection, path: str, array: np.ndarray, count: int
) -> float:
    """Ask the server some times; return its processor seconds per request.

    Raises:
        RuntimeError: A request failed.
    """
    before = processor_s(pid)
    for _ in range(count):
        connection.request("POST", path, array.tobytes(), HEADERS)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(body.decode(errors="replace"))
    return (processor_s(pid) - before) / count


def session_of(model: Path, threads: int) -> Any:
    """Open a session as the server does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(str(model), options, providers=providers)


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.overhead", description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--shape", required=True, help="of the input, such as 1,3,224,224")
    parser.add_argument("--threads", type=int, default=2, help="of the engine")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--count", type=int, default=5, help="runs of a block")
    arguments = parser.parse_args()
    shape = [int(size) for size in arguments.shape.split(",")]
    array = np.random.default_rng(0).random(shape, np.float32)
    model = {
        "name": "m",
        "version": "1",
        "inferer_type": "onnxruntime",
        "inferer_path": str(arguments.model.resolve()),
        "inferer_args": {"intra_op_threads": arguments.threads},
    }
    path = f"/grps/v1/infer/predict?shape={arguments.shape}"
    session = session_of(arguments.model, arguments.threads)
    own: list[float] = []
    its: list[float] = []
    with (
        tempfile.TemporaryDirectory() as name,
        serving_models(Path(name) / "p", "", [model]) as state,
    ):
        connection = http.client.HTTPConnection("127.0.0.1", state.ports[0], timeout=60)
        for number in range(arguments.rounds + 1):
            alone = in_process(session, array, arguments.count)
            asked = served(state.pid, connection, path, array, arguments.count)
            if number > 0:  # the first block warms up
                own.append(alone)
                its.append(asked)
        connection.close()
    loop, server = statistics.median(own) * 1e3, statistics.median(its) * 1e3
    ratios = [asked / alone for asked, alone in zip(its, own, strict=True)]
    print(
        f"in process {loop:.2f} ms, served {server:.2f} ms of processor time: {server / loop:.3f}x"
    )
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"blocks side by side: median {middle:.3f}x, quartiles {low:.3f}x to {high:.3f}x")
    return 0


if __name__ == "__main__":
    sys.exit(main())
