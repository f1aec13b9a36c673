"""A language model of TensorRT-LLM as a step model: the engine batches, we admit and deliver."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import tensorrt_llm.bindings.executor as trtllm

from grps.backends.common.arguments import read_arguments
from grps.backends.common.device import parse_device
from grps.backends.common.language.model_files import language_files
from grps.backends.common.language.running_engine import RunningEngine, RunningSequence
from grps.backends.tensorrt_llm.engine_files import built_engine
from grps.backends.tensorrt_llm.sampling import Generation, generation_of
from grps.config.schema import ModelConfig
from grps.errors import DeviceError, InputError, ModelError
from grps.log import logger

_WAIT = timedelta(milliseconds=50)
"""How long one wait for responses takes at most: the engine may have been closed."""


class TensorrtLlmArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of TensorRT-LLM."""

    tokenizer: str | None = None
    chat_template: str | None = None
    cache_fraction: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    max_batched_tokens: Annotated[int, msgspec.Meta(ge=1)] | None = None
    prefix_caching: bool = True
    chunked_prefill: bool = False


class TensorrtLlmModel(RunningEngine):
    """A model in TensorRT-LLM's executor, which is in this process."""

    def __init__(self, most_sequences: int) -> None:
        """Serve at most so many sequences at once."""
        super().__init__()
        self._most_sequences = most_sequences
        self._executor: Any = None
        self._running: dict[int, RunningSequence] = {}

    def load(self) -> None:
        """Load the engine.

        Raises:
            ModelError: The directory has no engine, or one that can't be loaded.
            DeviceError: The device is no GPU.
        """
        self._arguments = read_arguments(TensorrtLlmArguments, self.args)
        device = parse_device(self.device or "cuda")
        if device.kind != "cuda":
            raise DeviceError(f"device {self.device}: TensorRT-LLM runs on GPUs only; use cuda")
        self._device = device.index
        self._path = Path(self.path or "")
        self._built = built = built_engine(self._path)
        if self._most_sequences > built.most_sequences:
            raise ModelError(
                f"max_batch_size {self._most_sequences} is more than the {built.most_sequences} "
                "sequences that the engine was built for"
            )
        folder = Path(self._arguments.tokenizer or self._path)
        self.files = language_files(
            folder,
            chat_template=self._arguments.chat_template,
            context_length=built.context_length,
        )
        self.vocabulary = built.vocabulary
        self._open()

    def options(self, inputs: Mapping[str, np.ndarray], room: int) -> Generation:
        """Return how a sequence is generated; see ``RunningEngine.options``."""
        prompt = self.files.context_length - room
        if prompt > self._built.most_prompt_tokens:
            raise InputError(
                f"the prompt has {prompt} tokens; the engine was built for "
                f"{self._built.most_prompt_tokens}"
            )
        return generation_of(inputs, self.files.end_tokens, self.vocabulary, room)

    def add(self, prompt: Sequence[int], options: Generation, sequence: RunningSequence) -> None:
        """Let the executor generate a sequence; see ``RunningEngine.add``."""
        if self._executor is None:
            self._open()
        first, *others = options.end_tokens or (None,)
        request = trtllm.Request(
            input_token_ids=list(prompt),
            max_tokens=options.max_tokens,
            streaming=True,
            sampling_config=trtllm.SamplingConfig(1, **options.sampling),
            output_config=trtllm.OutputConfig(
                return_log_probs=options.wants_logprobs, exclude_input_from_output=True
            ),
            end_id=first,
            pad_id=first,
            stop_words=[[token] for token in others] or None,
        )
        # Its first response may come before its number is known here.
        with self._news:
            self._running[self._executor.enqueue_request(request)] = sequence

    def end(self, states: Sequence[RunningSequence]) -> None:
        """Let the executor stop generating sequences."""
        super().end(states)
        with self._news:
            ended = [id(one) for one in states]
            numbers = [number for number, one in self._running.items() if id(one) in ended]
            executor = self._executor
        for number in numbers:
            executor.cancel_request(number)

    def _open(self) -> None:
        args = self._arguments
        cache = trtllm.KvCacheConfig(
            enable_block_reuse=args.prefix_caching, free_gpu_memory_fraction=args.cache_fraction
        )
        config = trtllm.ExecutorConfig(
            1,
            kv_cache_config=cache,
            enable_chunked_context=args.chunked_prefill,
            max_batch_size=self._most_sequences,
            max_num_tokens=args.max_batched_tokens,
            parallel_config=trtllm.ParallelConfig(device_ids=[self._device]),
        )
        try:
            executor = trtllm.Executor(self._path, trtllm.ModelType.DECODER_ONLY, config)
        except RuntimeError as error:
            raise ModelError(f"TensorRT-LLM can't load it: {error}") from error
        self._executor = executor
        threading.Thread(
            target=_wait_for_responses,
            args=(weakref.ref(self), executor),
            name="TensorRT-LLM",
            daemon=True,
        ).start()

    def take(self, responses: Sequence[Any]) -> None:
        """Take over what the executor has generated of several sequences."""
        with self._news:
            for response in responses:
                sequence = self._running.get(response.request_id)
                if sequence is not None and self._take(response, sequence):
                    del self._running[response.request_id]

    def _take(self, response: Any, sequence: RunningSequence) -> bool:
        """Take over one response; return whether it is the last one of its sequence."""
        if response.has_error():
            self.close(sequence, ModelError(f"TensorRT-LLM has failed: {response.error_msg}"))
            return True
        result = response.result
        tokens = result.output_token_ids[0]
        logprobs = result.log_probs[0][-len(tokens) :] if result.log_probs and tokens else ()
        self.deliver(sequence, tokens, logprobs or [0.0] * len(tokens))
        if result.is_final:
            self.close(sequence)
        return bool(result.is_final)

    def fail(self, executor: Any, error: BaseException) -> None:
        """Fail all sequences of an executor that has failed; the next one opens another."""
        logger.error("TensorRT-LLM has failed; it is loaded again", exc_info=error)
        with self._news:
            running, self._running = self._running, {}
            if self._executor is executor:
                self._executor = None
            for sequence in running.values():
                self.close(sequence, ModelError(f"TensorRT-LLM has failed: {error}"))


def _wait_for_responses(held: weakref.ref[TensorrtLlmModel], executor: Any) -> None:
    """Pass on what an executor generates, as long as its model is there."""
    try:
        while held() is not None:
            responses = executor.await_responses(timeout=_WAIT)
            model = held()
            if responses and model is not None:
                model.take(responses)
            del model
    except RuntimeError as error:
        if (model := held()) is not None:
            model.fail(executor, error)
    finally:
        executor.shutdown()


def create_step_model(config: ModelConfig) -> TensorrtLlmModel:
    """Return the model of a configuration, not loaded yet."""
    return TensorrtLlmModel(config.slots)
