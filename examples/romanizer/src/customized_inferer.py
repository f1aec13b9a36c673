"""Two ONNX models that write an Arabic name in Latin letters, one letter per step."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from onnxruntime import InferenceSession

from grps import InputError, StepBatch, StepModel, StepRequest, StepResult, inferer_register

PAD, FIRST, LAST, UNKNOWN = range(4)
COUNTRY_AND_ROLE = ("<UNK_COUNTRY>", "<ROLE_UNKNOWN>")
LONGEST = 40
"""Tokens of a name, with the country, the role and the end."""


class Romanizer(StepModel):
    """Takes a name in Arabic letters, ``name``; its outputs are numbers of Latin letters."""

    slots: ClassVar = {
        "memory": "float32[40, 256]",
        "src_mask": "bool[40]",
        "hidden": "float32[2, 256]",
        "letter": "int64",
    }

    def load(self) -> None:
        """Read the models and the vocabulary."""
        tokens = json.loads((folder() / "vocab.json").read_text(encoding="utf-8"))["tokens"]
        self.numbers = {token: number for number, token in enumerate(tokens)}
        self.encoder, self.decoder = (
            InferenceSession(folder() / f"{name}.onnx") for name in ("encoder", "decoder")
        )

    def begin(self, requests: Sequence[StepRequest]) -> Sequence[dict[str, object]]:
        """Encode names, each by itself: the encoder's results depend on the padding."""
        return [self.encode(tokens_of(one)) for one in requests]

    def encode(self, tokens: Sequence[str]) -> dict[str, object]:
        """Encode a name; what follows its memory is masked."""
        src = np.array([[self.numbers.get(token, UNKNOWN) for token in tokens]])
        memory, mask, hidden = self.encoder.run(None, {"src": src, "src_mask": src == PAD})
        rest = (0, LONGEST - len(tokens))
        mask = np.pad(mask[0], rest, constant_values=True)
        memory = np.pad(memory[0], (rest, (0, 0)))
        return {"memory": memory, "src_mask": mask, "hidden": hidden[0], "letter": FIRST}

    def step(self, batch: StepBatch) -> StepResult:
        """Make the next letter of each name of the batch."""
        state = {name: batch[name] for name in ("memory", "src_mask", "hidden")}
        scores, hidden = self.decoder.run(None, {"prefix": batch["letter"][:, None], **state})
        scores[:, PAD] = -np.inf
        scores[batch["letter"] == FIRST, LAST] = -np.inf  # no name is empty
        batch["hidden"], batch["letter"] = hidden, scores.argmax(axis=1)
        return StepResult({"letter": batch["letter"]}, finished=batch["letter"] == LAST)


def folder() -> Path:
    """Return the folder with the models; the package's code is not imported."""
    found = importlib.util.find_spec("arabic_name_romanizer")
    if found is None or found.origin is None:
        raise FileNotFoundError("run: pip install --no-deps arabic-name-romanizer==0.2.0")
    return Path(found.origin).parent / "resources"


def tokens_of(request: StepRequest) -> Sequence[str]:
    """Return the tokens of a name."""
    name = request.inputs["name"].ravel()[0] if "name" in request.inputs else ""
    tokens = (*COUNTRY_AND_ROLE, *name, "<EOS>") if isinstance(name, str) and name else ()
    if not 0 < len(tokens) <= LONGEST:
        raise InputError("send a name of 1 to 37 Arabic letters as the string tensor 'name'")
    return tokens


inferer_register.register("romanizer", Romanizer())
