"""A decoder as a step model: our own scheduler chooses the sequences of each step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from grps.backends.common.arguments import read_arguments
from grps.backends.common.language.inputs import prompt_tokens, room_for_answer
from grps.backends.common.language.language_model import LanguageModel, Scheduling
from grps.backends.common.language.model_files import language_files
from grps.backends.common.language.options import Options, read_options
from grps.backends.decoder.arguments import DecoderArguments
from grps.backends.decoder.memory import Wanted, plan_memory
from grps.backends.decoder.network import Cache, Span
from grps.backends.decoder.networks import open_network
from grps.backends.decoder.sampling import Sampler, likeliest, log_sum
from grps.backends.decoder.structure import Structures
from grps.config.schema import ModelConfig
from grps.errors import InputError, ModelError
from grps.inference.steps.model import PrefillPart, StepBatch, StepRequest, StepResult
from grps.log import logger

_GIB = 1 << 30
_NOT_FINITE = (
    "the network has computed logits that are no numbers; its type may have too small a range "
    "(inferer_args.dtype: bfloat16 or float32)"
)


@dataclass(frozen=True, slots=True)
class _Sequence:
    """A sequence that is generated."""

    tokens: list[int]
    """Of its prompt, and those that were chosen."""
    cache: Cache
    """Has all but the last of them once the prompt is read."""
    sampler: Sampler
    adapter: str | None

    def span(self, start: int, stop: int) -> Span:
        """Return its tokens from one position to another."""
        return Span(self.cache, self.tokens[start:stop], start, self.adapter)


class DecoderModel(LanguageModel):
    """A decoder that runs in steps, whatever computes its network."""

    optional_inputs: ClassVar[frozenset[str]] = frozenset({"logit_bias", "top_logprobs"})
    repeatable: ClassVar[bool] = True

    def __init__(self, sequences: int, copies: int) -> None:
        """Make one that is not loaded yet.

        Args:
            sequences: Most sequences at once.
            copies: Copies of the model that share the memory.
        """
        self._sequences = sequences
        self._copies = copies

    def load(self) -> None:
        """Load the weights.

        Raises:
            ModelError: The files are wrong, the model is not supported, or has no room.
            DeviceError: The device is not there.
            MissingExtraError: What computes the network is not installed.
        """
        args = read_arguments(DecoderArguments, self.args)
        folder = Path(self.path or "")
        found = open_network(folder, args, self.device)
        wanted = Wanted(
            weights_bytes=found.weights_bytes,
            position_bytes=found.position_bytes,
            model_context=found.context_length,
            context_length=args.context_length,
            cache_bytes=None if args.cache_size_gb is None else int(args.cache_size_gb * _GIB),
            sequences=self._sequences,
            copies=self._copies,
        )
        context, cache_bytes = plan_memory(wanted, found.free_bytes())
        if args.context_length is None and context < found.context_length:
            logger.warning(
                "the context is %d tokens, not the %d of the model: the cache has no room for more",
                context,
                found.context_length,
            )
        self._network = found.load(context)
        self.adapters = tuple(sorted(args.adapters))
        files = language_files(folder, args.tokenizer, args.chat_template)
        ends = tuple(one for one in files.end_tokens if 0 <= one < found.vocabulary)
        self.files = replace(files, context_length=context, end_tokens=ends)
        self.scheduling = Scheduling(
            prefill_part=args.prefill_tokens,
            position_bytes=found.position_bytes,
            max_state_bytes=cache_bytes,
        )
        self._cache_bytes = cache_bytes
        self._vocabulary = found.vocabulary
        self._structures = Structures(files.tokenizer, ends, found.vocabulary)

    def begin(self, requests: Sequence[StepRequest]) -> list[_Sequence]:
        """Begin sequences; those that had begun before go on behind their tokens.

        Raises:
            InputError: A prompt has no tokens or is too long, or something of it is wrong.
        """
        return [self._begun(request) for request in requests]

    def _begun(self, request: StepRequest) -> _Sequence:
        inputs = request.inputs
        prompt = prompt_tokens(inputs, self._vocabulary)
        room_for_answer(prompt.size, self.files.context_length)
        options = read_options(inputs, self.files.end_tokens, self._vocabulary)
        sampler = Sampler(options, np.unique(prompt), self._structures.guide(inputs))
        tokens = prompt.tolist()
        for token in request.outputs.get("token", np.empty(0, np.int64)).tolist():
            sampler.note(token)
            tokens.append(token)
        adapter = self._adapter(inputs.get("adapter"))
        return _Sequence(tokens, self._network.new_cache(), sampler, adapter)

    def _adapter(self, given: np.ndarray | None) -> str | None:
        """Return the adapter that a request asks for."""
        if given is None:
            return None
        names = [str(name) for name in np.ravel(given)]
        if len(names) != 1 or names[0] not in self.adapters:
            raise InputError(
                f"input adapter is {', '.join(names)!r}; the model has "
                f"{', '.join(self.adapters) or 'none'}"
            )
        return names[0]

    def prefill(self, parts: Sequence[PrefillPart]) -> None:
        """Read parts of prompts. The last token of each is left to the first step."""
        spans = []
        for part in parts:
            sequence: _Sequence = part.state
            span = sequence.span(part.start, min(part.stop, len(sequence.tokens) - 1))
            if span.tokens:
                spans.append(span)
        if spans:
            self._network.read(spans)

    def step(self, batch: StepBatch) -> StepResult:
        """Choose the next token of each sequence."""
        sequences: Sequence[_Sequence] = batch.states
        spans = [one.span(len(one.tokens) - 1, len(one.tokens)) for one in sequences]
        logits = self._network.next_logits(spans)
        step = _Step([one.sampler for one in sequences], logits)
        finished = []
        for sequence, token, has_ended in zip(sequences, step.tokens, step.ended, strict=True):
            sequence.tokens.append(token)
            finished.append(has_ended or len(sequence.tokens) >= self.files.context_length)
        state_bytes = [one.cache.bytes for one in sequences]
        usage = min(1.0, sum(state_bytes) / self._cache_bytes)
        return StepResult(step.outputs, finished, step.failed, state_bytes, cache_usage=usage)


class _Step:
    """What a step chooses and returns."""

    def __init__(self, samplers: Sequence[Sampler], logits: np.ndarray) -> None:
        """Choose a token by each row of logits."""
        self.tokens: list[int] = []
        self.ended: list[bool] = []
        self.failed: dict[int, BaseException] = {}
        for row, (sampler, own) in enumerate(zip(samplers, logits, strict=True)):
            token, has_ended = 0, True
            try:
                if not np.isfinite(own.max()):
                    raise ModelError(_NOT_FINITE)
                token = sampler.choose(own)
                has_ended = sampler.note(token)
            except Exception as error:
                # The others have chosen theirs: the step must not be made again.
                self.failed[row] = error
            self.tokens.append(token)
            self.ended.append(has_ended)
        described = [
            _described(sampler.options, token, own)
            for sampler, token, own in zip(samplers, self.tokens, logits, strict=True)
        ]
        logprobs, top_tokens, top_logprobs = zip(*described, strict=True)
        self.outputs: dict[str, np.ndarray] = {
            "token": np.array(self.tokens, np.int64),
            "logprob": np.array(logprobs, np.float32),
            "top_token": np.stack(top_tokens),
            "top_logprob": np.stack(top_logprobs),
        }


def _described(
    options: Options, token: int, logits: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the log-probability of a token and the likeliest ones, as far as they are wanted."""
    if not options.logprobs and not options.top_logprobs:
        return 0.0, *likeliest(logits, 0)
    return logits[token] - log_sum(logits), *likeliest(logits, options.top_logprobs)


def create_step_model(config: ModelConfig) -> DecoderModel:
    """Return the model of a configuration, not loaded yet."""
    return DecoderModel(config.slots, config.copies)
