"""A recurrent network that makes one sound of a word per step, with the weights of a package."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from grps import InputError, StepBatch, StepModel, StepRequest, StepResult, inferer_register

UNKNOWN_LETTER, LAST_LETTER, A = 1, 2, 3
FIRST_SOUND, LAST_SOUND = 2, 3


class Pronunciation(StepModel):
    """Takes a word in small letters, ``word``; its outputs are numbers of sounds."""

    slots: ClassVar = {"hidden": "float32[256]", "sound": "int64"}

    def load(self) -> None:
        """Read the weights; the package's code is not imported."""
        found = importlib.util.find_spec("g2p_en")
        if found is None or found.origin is None:
            raise FileNotFoundError("run: pip install --no-deps g2p-en==2.1.0")
        self.weights = dict(np.load(Path(found.origin).parent / "checkpoint20.npz"))

    def begin(self, requests: Sequence[StepRequest]) -> Sequence[dict[str, object]]:
        """Encode words: what is known of a word is one row of ``hidden``."""
        return [{"hidden": self.encode(one), "sound": FIRST_SOUND} for one in requests]

    def encode(self, request: StepRequest) -> np.ndarray:
        """Read a word letter by letter."""
        word = request.inputs["word"].ravel()[0] if "word" in request.inputs else ""
        if not isinstance(word, str) or not 0 < len(word) <= 64:
            raise InputError("send a word of 1 to 64 letters as the string tensor 'word'")
        letters = [A + ord(one) - ord("a") if "a" <= one <= "z" else UNKNOWN_LETTER for one in word]
        hidden = np.zeros((1, 256), np.float32)
        for letter in [*letters, LAST_LETTER]:
            hidden = self.next_hidden("enc", np.array([letter]), hidden)
        return hidden[0]

    def step(self, batch: StepBatch) -> StepResult:
        """Make the next sound of each word of the batch."""
        batch["hidden"] = hidden = self.next_hidden("dec", batch["sound"], batch["hidden"])
        batch["sound"] = sound = (hidden @ self.weights["fc_w"].T + self.weights["fc_b"]).argmax(-1)
        return StepResult({"sound": sound}, finished=sound == LAST_SOUND)

    def next_hidden(self, side: str, token: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Run one step of a gated recurrent unit, on a row per word."""
        w = {key[4:]: value for key, value in self.weights.items() if key.startswith(side)}
        reset_i, update_i, new_i = np.split(w["emb"][token] @ w["w_ih"].T + w["b_ih"], 3, axis=-1)
        reset_h, update_h, new_h = np.split(hidden @ w["w_hh"].T + w["b_hh"], 3, axis=-1)
        reset, update = (1 / (1 + np.exp(-x)) for x in (reset_i + reset_h, update_i + update_h))
        return (1 - update) * np.tanh(new_i + reset * new_h) + update * hidden


inferer_register.register("pronunciation", Pronunciation())
