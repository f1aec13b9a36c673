"""Engines that generate in threads of their own, as step models."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grps.backends.common.language.inputs import prompt_tokens, room_for_answer
from grps.backends.common.language.language_model import LanguageModel
from grps.backends.common.language.options import MOST_TOP
from grps.inference.steps.model import StepBatch, StepRequest, StepResult

_MOST_WAIT_S = 0.01
"""How long a step waits for the engine: new sequences begin between two steps."""

Top = tuple[Sequence[int], Sequence[float]]
"""The likeliest tokens of a position and their log-probabilities, the likeliest first."""


@dataclass(slots=True)
class RunningSequence:
    """A sequence in an engine. The lock of its model guards what threads of the engine write."""

    tokens: list[int] = field(default_factory=list)
    """What was generated since the last step."""
    logprobs: list[float] = field(default_factory=list)
    """Their log-probabilities."""
    tops: list[Top] = field(default_factory=list)
    """The likeliest tokens of their positions, of engines that take ``top_logprobs``."""
    is_finished: bool = False
    error: BaseException | None = None
    is_cancelled: bool = False
    """Whether the service no longer wants it."""

    @property
    def has_news(self) -> bool:
        """Whether a step has something to deliver."""
        return bool(self.tokens) or self.is_finished or self.error is not None


class RunningEngine(LanguageModel):
    """A language model whose engine generates by itself, once it has a sequence.

    An engine implements ``load``, which sets ``files`` and ``vocabulary``, and ``options`` and
    ``add``. Its threads call ``deliver`` and ``close``.

    Attributes:
        vocabulary: How many tokens it knows.
    """

    vocabulary: int

    def __init__(self) -> None:
        """Make a model without sequences."""
        self._news = threading.Condition()

    @abstractmethod
    def options(self, inputs: Mapping[str, np.ndarray], room: int) -> Any:
        """Return how a sequence is generated, in the engine's own form.

        Args:
            inputs: The inputs of its request.
            room: Most tokens that the context has room for.

        Raises:
            InputError: An input has a wrong type or value, or the engine can't do it.
        """

    @abstractmethod
    def add(self, prompt: Sequence[int], options: Any, sequence: RunningSequence) -> None:
        """Let the engine generate a sequence, without waiting for it.

        The engine stops when ``deliver`` returns false.
        """

    def begin(self, requests: Sequence[StepRequest]) -> list[RunningSequence]:
        """Pass prompts to the engine.

        Raises:
            InputError: A prompt has no tokens or is too long, or the engine can't do what is asked.
        """
        # All are checked before the engine has one: what it has when this raises, it must drop.
        checked = [self._checked(request) for request in requests]
        sequences: list[RunningSequence] = []
        try:
            for prompt, options in checked:
                sequence = RunningSequence()
                self.add(prompt, options, sequence)
                sequences.append(sequence)
        except BaseException:
            self.end(sequences)
            raise
        return sequences

    def step(self, batch: StepBatch) -> StepResult:
        """Wait until the engine has generated something, and deliver it."""
        sequences: Sequence[RunningSequence] = batch.states
        tokens: list[int] = []
        logprobs: list[float] = []
        tops: list[Top] = []
        lengths, finished, failed = [], [], {}
        with self._news:
            self._news.wait_for(lambda: any(one.has_news for one in sequences), _MOST_WAIT_S)
            for row, sequence in enumerate(sequences):
                tokens += sequence.tokens
                logprobs += sequence.logprobs
                tops += sequence.tops
                lengths.append(len(sequence.tokens))
                finished.append(sequence.is_finished)
                if sequence.error is not None:
                    failed[row] = sequence.error
                sequence.tokens, sequence.logprobs, sequence.tops = [], [], []
        outputs: dict[str, np.ndarray] = {
            "token": np.array(tokens, np.int64),
            "logprob": np.array(logprobs, np.float32),
        }
        if "top_logprobs" in self.optional_inputs:
            outputs["top_token"], outputs["top_logprob"] = _rows(tops)
        usage = self.cache_usage()
        return StepResult(outputs, finished, failed, lengths=lengths, cache_usage=usage)

    def cache_usage(self) -> float | None:
        """Return the share of the cache that is in use; ``None`` if the engine does not say."""
        return None

    def end(self, states: Sequence[RunningSequence]) -> None:
        """Let the engine stop generating sequences."""
        with self._news:
            for sequence in states:
                sequence.is_cancelled = True

    def deliver(
        self,
        sequence: RunningSequence,
        tokens: Sequence[int],
        logprobs: Sequence[float],
        tops: Sequence[Top] = (),
    ) -> bool:
        """Take what the engine has generated; return whether it shall go on.

        Args:
            sequence: The sequence.
            tokens: What was generated.
            logprobs: Their log-probabilities.
            tops: One for each token, if the engine takes ``top_logprobs``.
        """
        with self._news:
            if not sequence.is_cancelled and not sequence.is_finished:
                sequence.tokens += tokens
                sequence.logprobs += logprobs
                sequence.tops += tops
                self._news.notify()
            return not sequence.is_cancelled

    def close(self, sequence: RunningSequence, error: BaseException | None = None) -> None:
        """Note that the engine generates no more of a sequence, and why if it has failed."""
        with self._news:
            sequence.is_finished = True
            sequence.error = sequence.error or error
            self._news.notify()

    def _checked(self, request: StepRequest) -> tuple[list[int], Any]:
        prompt = prompt_tokens(request.inputs, self.vocabulary)
        room = room_for_answer(prompt.size, self.files.context_length)
        return prompt.tolist(), self.options(request.inputs, room)


def _rows(tops: Sequence[Top]) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of ``MOST_TOP`` for each position; what there is no token for is -1."""
    tokens = np.full((len(tops), MOST_TOP), -1, np.int64)
    logprobs = np.zeros((len(tops), MOST_TOP), np.float32)
    for row, (numbers, values) in enumerate(tops):
        tokens[row, : len(numbers)] = numbers
        logprobs[row, : len(values)] = values
    return tokens, logprobs
