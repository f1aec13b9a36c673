"""A decoder that makes one token of a transcript per step, with the weights of a package."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch

from grps import (
    InputError,
    StepBatch,
    StepModel,
    StepRequest,
    StepResult,
    Transcriber,
    inferer_register,
)
from src.audio import RATE, features, resampled, samples_of
from src.weights import read_config, read_weights
from src.whisper import Whisper

START, NO_TIMES, END = 50257, 50362, 50256


class Transcription(StepModel):
    """Takes ``audio``: samples at 16 kHz, or the bytes of a WAV file; its outputs are tokens."""

    slots: ClassVar = {
        "sound": "float32[4, 2, 6, 1500, 64]",  # layers, keys and values, heads, times, size
        "cache": "float32[4, 2, 6, 224, 64]",  # the same of the tokens that were made
        "token": "int64",
        "position": "int64",
    }
    transcriber: ClassVar = Transcriber(languages=("en",))

    def load(self) -> None:
        """Read the weights."""
        torch.set_num_threads(self.args["threads"])
        config, self.network = read_config(), Whisper(read_weights())
        self.never, self.never_first = config["suppress_ids"], config["suppress_ids_begin"]

    @torch.inference_mode()
    def begin(self, requests: Sequence[StepRequest]) -> Sequence[dict[str, object]]:
        """Encode recordings, and read the first token."""
        return [self.encode(one) for one in requests]

    def encode(self, request: StepRequest) -> dict[str, object]:
        """Encode a recording."""
        sound = self.network.encode(features(recording(request)))
        cache = torch.zeros(1, 4, 2, 6, 224, 64)
        self.network.decode(torch.tensor([START]), torch.tensor([0]), cache, sound[None])
        return {"sound": sound, "cache": cache[0], "token": NO_TIMES, "position": 1}

    @torch.inference_mode()
    def step(self, batch: StepBatch) -> StepResult:
        """Make the next token of each recording of the batch."""
        names = ("token", "position", "cache", "sound")
        scores = self.network.decode(*(torch.from_numpy(batch[name]) for name in names)).numpy()
        scores[:, self.never] = -np.inf
        scores[np.ix_(batch["position"] == 1, self.never_first)] = -np.inf
        batch["token"] = token = scores.argmax(axis=1)
        batch["position"] += 1
        return StepResult({"token": token}, finished=token == END)


def recording(request: StepRequest) -> np.ndarray:
    """Return the samples of a request."""
    audio = request.inputs.get("audio")
    if audio is None or audio.ndim != 1 or audio.dtype not in (np.float32, np.uint8):
        raise InputError("send 'audio': float32 samples at 16 kHz, or a WAV file as uint8")
    try:
        return samples_of(audio.tobytes()) if audio.dtype == np.uint8 else resampled(audio, RATE)
    except ValueError as error:
        raise InputError(str(error)) from error


inferer_register.register("transcription", Transcription())
