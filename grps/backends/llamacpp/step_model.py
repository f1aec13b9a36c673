"""A language model of llama.cpp as a step model: the engine batches, we admit and deliver."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import xllamacpp

from grps.backends.common.arguments import read_arguments
from grps.backends.common.language.inputs import tokens_of
from grps.backends.common.language.model_files import language_files
from grps.backends.common.language.running_engine import RunningEngine, RunningSequence
from grps.backends.llamacpp.pieces import Pieces
from grps.backends.llamacpp.sampling import body_of
from grps.config.schema import ModelConfig
from grps.errors import DeviceError, InputError, ModelError

_CONTEXT_LENGTH = 4096


class LlamaCppArguments(msgspec.Struct, frozen=True):
    """``inferer_args`` of llama.cpp."""

    context_length: Annotated[int, msgspec.Meta(ge=1)] | None = None
    intra_op_threads: Annotated[int, msgspec.Meta(ge=1)] | None = None
    gpu_layers: Annotated[int, msgspec.Meta(ge=0)] = 0
    tokenizer: str | None = None
    chat_template: str | None = None


@dataclass(frozen=True, slots=True)
class _Options:
    """How a sequence is generated."""

    body: Mapping[str, Any]
    stop_tokens: frozenset[int]
    wants_logprobs: bool


class LlamaCppModel(RunningEngine):
    """A model in llama.cpp's server, which is in this process."""

    def __init__(self, most_sequences: int) -> None:
        """Serve at most so many sequences at once."""
        super().__init__()
        self._most_sequences = most_sequences

    def load(self) -> None:
        """Load the model.

        Raises:
            ModelError: The file is none that the engine can load, or an argument is unknown.
            DeviceError: The device is no CPU.
        """
        args = read_arguments(LlamaCppArguments, self.args)
        if (self.device or "cpu") != "cpu":
            raise DeviceError(
                f"device {self.device}: llama.cpp takes cpu; with a package of it for GPUs, use "
                "inferer_args.gpu_layers"
            )
        path = Path(self.path or "")
        files = language_files(path, args.tokenizer, args.chat_template)
        wanted = args.context_length or min(files.context_length, _CONTEXT_LENGTH)
        if wanted > files.context_length:
            raise ModelError(
                f"inferer_args.context_length is {wanted}; the model has {files.context_length}"
            )
        self.files = replace(files, context_length=wanted)
        self._pieces = Pieces(files.tokenizer)
        self.vocabulary = self._pieces.size
        try:
            self._server = xllamacpp.Server(self._parameters(path, args))
        except RuntimeError as error:
            raise ModelError(f"llama.cpp can't load it: {error}") from error

    def _parameters(self, path: Path, args: LlamaCppArguments) -> xllamacpp.CommonParams:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_parallel = self._most_sequences
        parameters.n_ctx = self.files.context_length * self._most_sequences
        parameters.n_gpu_layers = args.gpu_layers
        if args.intra_op_threads is not None:
            parameters.cpuparams.n_threads = args.intra_op_threads
        parameters.fit_params = False
        parameters.verbosity = -1
        # It opens a port on the loopback address: nobody else knows the key.
        parameters.port, parameters.ui = 0, False
        parameters.api_keys = [secrets.token_hex(32)]
        return parameters

    def options(self, inputs: Mapping[str, np.ndarray], room: int) -> _Options:
        """Return how a sequence is generated; see ``RunningEngine.options``."""
        body = body_of(inputs, room)
        stop = frozenset(tokens_of("stop_tokens", inputs.get("stop_tokens")).tolist())
        ends = frozenset() if body.get("ignore_eos") else frozenset(self.files.end_tokens)
        return _Options(body, stop | ends, bool(np.any(inputs.get("logprobs", 0))))

    def add(self, prompt: Sequence[int], options: _Options, sequence: RunningSequence) -> None:
        """Generate a sequence in a thread; see ``RunningEngine.add``."""
        threading.Thread(
            target=self._generate, args=(prompt, options, sequence), name="llama.cpp", daemon=True
        ).start()

    def _generate(
        self, prompt: Sequence[int], options: _Options, sequence: RunningSequence
    ) -> None:
        def take(reply: Mapping[str, Any]) -> bool:
            try:
                return self._take(reply, options, sequence)
            except Exception as error:
                self.close(sequence, error)
                return True

        try:
            self._server.handle_completions({**options.body, "prompt": prompt}, take)
        except Exception as error:
            self.close(sequence, ModelError(f"llama.cpp has failed: {error}"))
        else:
            self.close(sequence)

    def _take(self, reply: Mapping[str, Any], options: _Options, sequence: RunningSequence) -> bool:
        """Take a reply of the engine; return whether it shall stop.

        Raises:
            InputError: The engine refuses the request.
            ModelError: The engine has failed, or does not say what the client wants to know.
        """
        if "error" in reply:
            fault = reply["error"]
            kind = InputError if fault.get("code") == 400 else ModelError
            raise kind(f"the engine refuses this: {fault.get('message')}")
        choice = reply["choices"][0]
        for made in (choice["logprobs"] or {}).get("content", ()):
            token, logprob = int(made["id"]), float(made["logprob"])
            lost = self._pieces.lost(choice["text"], token)
            if lost and options.wants_logprobs:
                raise ModelError(
                    "llama.cpp gives no log-probabilities of a character that has several "
                    "tokens; leave logprobs out, or use inferer_type openvino_genai"
                )
            goes_on = self.deliver(sequence, [*lost, token], [*[0.0] * len(lost), logprob])
            if token in options.stop_tokens:
                self.close(sequence)
                return True
            if not goes_on:
                return True
        return False


def create_step_model(config: ModelConfig) -> LlamaCppModel:
    """Return the model of a configuration, not loaded yet."""
    return LlamaCppModel(config.slots)
