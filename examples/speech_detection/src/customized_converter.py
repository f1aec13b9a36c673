"""A recording to the model's windows, and its probabilities to stretches of speech."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from grps import Converter, GrpsContext, converter_register
from grps.protocol.pb.grps_pb2 import DataType, GenericTensor, GrpsMessage
from src import wav

WINDOW = 512
"""Samples that each probability is for."""
CONTEXT = 64
"""Samples before a window that the model sees too."""
BEGINS, ENDS = 0.5, 0.35
"""A stretch begins above the one and ends below the other, so that it does not flicker."""
LEAST_S = 0.25
"""Shorter stretches are left out."""


class WavSpeech(Converter):
    """Reads a WAV file; answers the stretches of speech in seconds."""

    def init(self, path: str | None = None, args: Any = None) -> None:
        """There is nothing to prepare."""
        super().init(path, args)

    def preprocess(self, inp: GrpsMessage, context: GrpsContext) -> dict[str, np.ndarray]:
        """Return the model's inputs: windows, float32 of shape [windows, 576], and its memory."""
        samples = wav.read(inp.bin_data or inp.gmap.s_b["wav"])
        missing = -len(samples) % WINDOW or (WINDOW if not len(samples) else 0)
        padded = np.pad(samples, (CONTEXT, missing))
        windows = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + WINDOW)[::WINDOW]
        memory = np.zeros((1, 1, 128), np.float32)
        return {"input": windows, "h": memory, "c": memory}

    def postprocess(self, inp: dict[str, np.ndarray], context: GrpsContext) -> GrpsMessage:
        """Return a tensor ``seconds`` of shape [stretches, 2]: where each begins and ends."""
        stretches = list(find_stretches(inp["speech_probs"]))
        answer = GrpsMessage()
        answer.gtensors.tensors.append(
            GenericTensor(
                name="seconds",
                dtype=DataType.DT_FLOAT32,
                shape=[len(stretches), 2],
                flat_float32=[second for stretch in stretches for second in stretch],
            )
        )
        return answer


def find_stretches(probabilities: np.ndarray) -> Iterator[tuple[float, float]]:
    """Give where speech begins and ends, in seconds, from one probability per window."""
    begun: int | None = None
    for index, probability in enumerate([*probabilities, 0.0]):
        if begun is None and probability >= BEGINS:
            begun = index
        elif begun is not None and probability < ENDS:
            if (index - begun) * WINDOW >= LEAST_S * wav.RATE:
                yield begun * WINDOW / wav.RATE, index * WINDOW / wav.RATE
            begun = None


converter_register.register("wav", WavSpeech())
