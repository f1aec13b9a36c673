"""The mock engine of W6 as a language model of GRPS."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from bench_ticks import MODEL, TEXT, Clock

from grps.backends.common.language.language_model import LanguageModel
from grps.backends.common.language.model_files import language_files
from grps.inference.registry import inferer_register
from grps.inference.steps.model import StepBatch, StepRequest, StepResult


class Ticks(LanguageModel):
    """Makes the same token until each sequence has as many as its request allows."""

    slots: ClassVar[dict[str, str]] = {"left": "int64"}

    def load(self) -> None:
        """Read the tokenizer and the chat template."""
        from tokenizers import Tokenizer

        self.files = language_files(Path(self.path or ""))
        [self.token] = Tokenizer.from_str(self.files.tokenizer).encode(TEXT).ids
        self.clock = Clock()

    def begin(self, requests: Sequence[StepRequest]) -> Sequence[Any]:
        """Begin with the number of tokens of each request."""
        return [{"left": request.inputs["max_tokens"][0]} for request in requests]

    def step(self, batch: StepBatch) -> StepResult:
        """Make one token of each sequence."""
        self.clock.wait()
        batch["left"] -= 1
        tokens = np.full(len(batch), self.token)
        outputs = {"token": tokens, "logprob": np.zeros(len(batch), np.float32)}
        return StepResult(outputs, batch["left"] == 0)


inferer_register.register(MODEL, Ticks())
