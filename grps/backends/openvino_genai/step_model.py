"""A language model of OpenVINO GenAI as a step model: the engine batches, we admit and deliver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import openvino_genai

from grps.backends.common.arguments import read_arguments
from grps.backends.common.language.inputs import prompt_tokens, room_for_answer
from grps.backends.common.language.language_model import LanguageModel
from grps.backends.common.language.model_files import language_files
from grps.backends.openvino_genai.sampling import generation_config
from grps.backends.openvino_genai.signal_stack import kept_signal_stack
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.inference.steps.model import StepBatch, StepRequest, StepResult
from grps.log import logger

_RUNNING = openvino_genai.GenerationStatus.RUNNING
_IGNORED = openvino_genai.GenerationStatus.IGNORED


class GenAiArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` that are no properties of the OpenVINO device."""

    cache_size_gb: Annotated[int, msgspec.Meta(ge=1)] = 1
    max_batched_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    prefix_caching: bool = True
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    tokenizer: str | None = None
    chat_template: str | None = None


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A sequence in the engine."""

    handle: Any
    opened: int
    """Which of the pipelines that were to be opened generates it."""

    def read(self) -> tuple[list[int], list[float]]:
        """Return what the engine has generated since: tokens and their log-probabilities."""
        tokens, logprobs = [], []
        while self.handle.can_read():
            for output in self.handle.read().values():
                tokens += output.generated_ids
                logprobs += output.generated_log_probs
        return tokens, logprobs


class GenAiModel(LanguageModel):
    """A model in OpenVINO GenAI's pipeline with continuous batching."""

    def __init__(self, most_sequences: int) -> None:
        """Serve at most so many sequences at once."""
        self._most_sequences = most_sequences
        self._number = 0
        self._opened = 0
        self._pipeline: Any = None

    def load(self) -> None:
        """Load the model into the pipeline.

        Raises:
            ModelError: The files are none that the engine can load.
        """
        from openvino import Tensor

        self._tensor = Tensor
        given, own = self.args or {}, GenAiArguments.__struct_fields__
        args = read_arguments(GenAiArguments, {key: given[key] for key in given if key in own})
        self._arguments = args
        self._properties = {key: value for key, value in given.items() if key not in own}
        if args.intra_op_threads is not None:
            self._properties.setdefault("INFERENCE_NUM_THREADS", args.intra_op_threads)
        self.files = language_files(Path(self.path or ""), args.tokenizer, args.chat_template)
        self._open()
        self._vocabulary = len(self._pipeline.get_tokenizer().get_vocab())

    def _open(self) -> None:
        # Two at once may not fit into the memory.
        self._pipeline = None
        # Sequences of the last one have ended, even if there is none after it.
        self._opened += 1
        args = self._arguments
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.max_num_seqs = self._most_sequences
        scheduler.cache_size = args.cache_size_gb
        scheduler.enable_prefix_caching = args.prefix_caching
        if args.max_batched_tokens is not None:
            scheduler.max_num_batched_tokens = args.max_batched_tokens
        device = (self.device or "cpu").upper()
        try:
            with kept_signal_stack():
                self._pipeline = openvino_genai.ContinuousBatchingPipeline(
                    str(self.path), scheduler, device, self._properties
                )
        except RuntimeError as error:
            raise ModelError(f"OpenVINO GenAI can't load it: {str(error).strip()}") from error

    def begin(self, requests: Sequence[StepRequest]) -> list[_Sequence]:
        """Pass prompts to the engine.

        Raises:
            InputError: A prompt has no tokens or is too long, or the engine can't do what is asked.
        """
        # All are checked before the engine has one: what it has when this raises, it must drop.
        prompts = [self._prompt(request) for request in requests]
        sequences: list[_Sequence] = []
        try:
            for tokens, config in prompts:
                sequences.append(self._add(tokens, config))
        except BaseException:
            self.end(sequences)
            raise
        return sequences

    def step(self, batch: StepBatch) -> StepResult:
        """Let the engine make a step, and deliver what it has generated."""
        self._advance()
        tokens: list[int] = []
        logprobs: list[float] = []
        lengths, finished, failed = [], [], {}
        for row, sequence in enumerate(batch.states):
            # Read behind the status: what is generated last is not lost.
            status = sequence.handle.get_status()
            made, probable = sequence.read()
            tokens += made
            logprobs += probable
            lengths.append(len(made))
            finished.append(status != _RUNNING)
            if status == _IGNORED:
                failed[row] = ModelError("the cache of the engine has no room for the sequence")
            elif sequence.opened != self._opened:
                failed[row] = ModelError("the engine has failed while the sequence was generated")
        outputs: dict[str, np.ndarray] = {
            "token": np.array(tokens, np.int64),
            "logprob": np.array(logprobs, np.float32),
        }
        return StepResult(outputs, finished, failed, lengths=lengths, cache_usage=self._cache())

    def end(self, states: Sequence[_Sequence]) -> None:
        """Take sequences out of the engine that it still generates."""
        for sequence in states:
            if sequence.handle.get_status() == _RUNNING:
                sequence.handle.cancel()

    def _prompt(self, request: StepRequest) -> tuple[np.ndarray, openvino_genai.GenerationConfig]:
        prompt = prompt_tokens(request.inputs, self._vocabulary)
        room = room_for_answer(prompt.size, self.files.context_length)
        return prompt, generation_config(request.inputs, set(self.files.end_tokens), room)

    def _add(self, prompt: np.ndarray, config: openvino_genai.GenerationConfig) -> _Sequence:
        if self._pipeline is None:
            self._open()
        self._number += 1
        tensor = self._tensor(prompt[np.newaxis])
        handle = self._pipeline.add_request(self._number, tensor, config)
        return _Sequence(handle, self._opened)

    def _cache(self) -> float | None:
        """Return the share of the cache for keys and values that is in use."""
        if self._pipeline is None:
            return None
        return float(self._pipeline.get_metrics().cache_usage) / 100

    def _advance(self) -> None:
        if self._pipeline is None or not self._pipeline.has_non_finished_requests():
            return
        try:
            self._pipeline.step()
        except Exception:
            # A pipeline that has failed in a step makes no other one.
            logger.warning("OpenVINO GenAI has failed in a step; the model is loaded again")
            self._open()
            raise


def create_step_model(config: ModelConfig) -> GenAiModel:
    """Return the model of a configuration, not loaded yet."""
    return GenAiModel(config.slots)
