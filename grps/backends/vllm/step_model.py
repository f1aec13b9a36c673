"""A language model of vLLM as a step model: the engine batches, we admit and deliver."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil
from vllm import SamplingParams
from vllm.lora.request import LoRARequest
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

from grps.backends.common.arguments import read_arguments
from grps.backends.common.language.model_files import language_files
from grps.backends.common.language.running_engine import RunningEngine, RunningSequence
from grps.backends.vllm.arguments import (
    VllmArguments,
    cache_bytes,
    check_device,
    engine_arguments,
)
from grps.backends.vllm.engine import Arrived, VllmEngine, Wanted
from grps.backends.vllm.sampling import sampling_params
from grps.config.schema import ModelConfig
from grps.errors import InputError
from grps.log import logger
from grps.machine import memory_limit


class VllmModel(RunningEngine):
    """A model in vLLM's asynchronous engine, whose core is a process of its own."""

    optional_inputs: ClassVar[frozenset[str]] = frozenset({"logit_bias", "top_logprobs"})

    def __init__(self, sequences: int, copies: int) -> None:
        """Make one that is not loaded yet.

        Args:
            sequences: Most sequences at once.
            copies: Copies of the model that share the memory.
        """
        super().__init__()
        self._sequences = sequences
        self._copies = copies

    def load(self) -> None:
        """Load the model, and start the process of its engine.

        Raises:
            ModelError: The model has no room, or is none that vLLM can load.
            DeviceError: The installed vLLM is built for another device.
        """
        args = read_arguments(VllmArguments, self.args)
        path = Path(self.path or "")
        device = check_device(self.device, current_platform.device_type)
        files = language_files(path, args.tokenizer, args.chat_template)
        size = cache_bytes(args, path, _free_bytes() if device == "cpu" else None, self._copies)
        arguments = engine_arguments(args, path, self._sequences, device, size)
        self._adapters = {
            name: LoRARequest(name, number, folder)
            for number, (name, folder) in enumerate(args.adapters.items(), 1)
        }
        self.adapters = tuple(args.adapters)
        engine = VllmEngine(arguments, _environment(args), _taker(self))
        facts = engine.start()
        self._engine = engine
        # Also at the end of the process, which would wait for that of the core.
        weakref.finalize(self, engine.close)
        self.vocabulary = facts.vocabulary
        if args.context_length is None and facts.context_length < files.context_length:
            logger.warning(
                "the context is %d tokens, not the %d of the model: the cache has no room for more",
                facts.context_length,
                files.context_length,
            )
        ends = tuple(one for one in files.end_tokens if 0 <= one < facts.vocabulary)
        self.files = replace(files, context_length=facts.context_length, end_tokens=ends)

    def options(self, inputs: Mapping[str, np.ndarray], room: int) -> Wanted:
        """Return how a sequence is generated; see ``RunningEngine.options``."""
        params = sampling_params(inputs, self.files.end_tokens, self.vocabulary, room)
        structure = params.pop("structured_outputs", None)
        try:
            if structure is not None:
                params["structured_outputs"] = StructuredOutputsParams(**structure)
            made = SamplingParams(output_kind=RequestOutputKind.DELTA, **params)
        except ValueError as error:
            raise InputError(f"vLLM refuses this: {error}") from error
        return Wanted(made, self._adapter(inputs))

    def _adapter(self, inputs: Mapping[str, np.ndarray]) -> LoRARequest | None:
        """Return the adapter that a request names.

        Raises:
            InputError: There is none of this name.
        """
        if "adapter" not in inputs:
            return None
        name = str(np.ravel(inputs["adapter"])[0]) if inputs["adapter"].size == 1 else ""
        if name not in self._adapters:
            known = ", ".join(self._adapters) or "none"
            raise InputError(f"input adapter is {name!r}; the adapters of the model: {known}")
        return self._adapters[name]

    def add(self, prompt: Sequence[int], options: Wanted, sequence: RunningSequence) -> None:
        """Generate a sequence in the engine; see ``RunningEngine.add``."""
        self._engine.add(prompt, options, sequence)

    def end(self, states: Sequence[RunningSequence]) -> None:
        """Let the engine stop generating sequences."""
        super().end(states)
        self._engine.cancel(states)

    def cache_usage(self) -> float:
        """Return the share of the cache that is in use."""
        return self._engine.cache_usage

    def take(self, arrived: Sequence[Arrived]) -> None:
        """Take over what the engine has generated of several sequences."""
        with self._news:
            for one in arrived:
                self.deliver(one.sequence, one.tokens, one.logprobs, one.tops)
                if one.is_finished or one.error is not None:
                    self.close(one.sequence, one.error)


def _taker(model: VllmModel) -> Callable[[Sequence[Arrived]], None]:
    """Return what passes on to a model, which it does not keep alive."""
    held = weakref.ref(model)

    def take(arrived: Sequence[Arrived]) -> None:
        if (found := held()) is not None:
            found.take(arrived)

    return take


def _environment(args: VllmArguments) -> dict[str, str]:
    """Return variables of the process of the engine core: it never asks the hub."""
    made = {"HF_HUB_OFFLINE": "1"}
    if args.intra_op_threads is not None:
        made["OMP_NUM_THREADS"] = str(args.intra_op_threads)
        made["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
    return made


def _free_bytes() -> int:
    return int(min(psutil.virtual_memory().available, memory_limit()))


def create_step_model(config: ModelConfig) -> VllmModel:
    """Return the model of a configuration, not loaded yet."""
    return VllmModel(config.slots, config.copies)
