"""The example that finds speech, against the model run window by window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime

from tests.support import REPOSITORY

EXAMPLE = REPOSITORY / "examples" / "speech_detection"

ASK = """
import sys
import voice
from grps.server.testing import Executor
from grps import GrpsContext
from grps.protocol.pb.grps_pb2 import GrpsMessage
from pathlib import Path
voice.write(Path(sys.argv[1]))
message = GrpsMessage(bin_data=Path(sys.argv[1]).read_bytes())
answer = Executor().infer(message, GrpsContext())
print(*answer.gtensors.tensors[0].flat_float32)
"""


def run(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=EXAMPLE,
        env={"PYTHONPATH": f"{REPOSITORY}:{EXAMPLE}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_its_own_test_passes() -> None:
    run("test.py")


def probabilities(samples: np.ndarray) -> np.ndarray:
    """The probability of each window by the model that keeps its state between calls."""
    import importlib.util

    spec = importlib.util.find_spec("silero_vad")
    assert spec is not None and spec.origin is not None
    model = Path(spec.origin).parent / "data" / "silero_vad.onnx"
    session = onnxruntime.InferenceSession(str(model))
    state, context = np.zeros((2, 1, 128), np.float32), np.zeros((1, 64), np.float32)
    rate = np.array(16_000, np.int64)
    found = []
    for start in range(0, len(samples), 512):
        window = np.zeros((1, 512), np.float32)
        window[0, : len(samples[start : start + 512])] = samples[start : start + 512]
        window = np.concatenate([context, window], axis=1)
        (output, state) = session.run(None, {"input": window, "state": state, "sr": rate})
        context = window[:, -64:]
        found.append(output[0, 0])
    return np.array(found)


def test_it_agrees_with_the_model_run_window_by_window(tmp_path: Path) -> None:
    file = tmp_path / "voice.wav"
    seconds = [float(word) for word in run("-c", ASK, str(file)).split()]
    samples = np.frombuffer(file.read_bytes()[44:], "<i2").astype(np.float32) / 32768
    exact = probabilities(samples)
    stretches = list(zip(seconds[::2], seconds[1::2], strict=True))
    assert stretches
    for index, probability in enumerate(exact):
        inside = any(begin <= index * 0.032 + 1e-4 < end for begin, end in stretches)
        assert not inside or probability >= 0.35, index
    covered = sum(round((end - begin) / 0.032) for begin, end in stretches)
    assert covered >= np.count_nonzero(exact >= 0.5) - 8
