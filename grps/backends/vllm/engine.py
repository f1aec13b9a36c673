"""vLLM's asynchronous engine, in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vllm import AsyncEngineArgs, SamplingParams
from vllm.exceptions import VLLMClientError
from vllm.inputs import tokens_input
from vllm.lora.request import LoRARequest
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError
from vllm.v1.metrics.loggers import PrometheusStatLogger

from grps.backends.common.language.running_engine import RunningSequence, Top
from grps.backends.vllm.core_process import CoreOutput, CoreProcess, own_core_process
from grps.errors import InputError, ModelError
from grps.log import logger

_LOOK_S = 0.2
"""How often the engine core is looked at while nothing runs."""
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 30.0
_EXIT_TIMEOUT_S = 3.0
_FAILURES = ("abort", "error", "repetition")
"""Ends of sequences that no request has asked for."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an engine that runs."""

    vocabulary: int
    context_length: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a sequence is generated."""

    params: SamplingParams
    adapter: LoRARequest | None


@dataclass(frozen=True, slots=True)
class Arrived:
    """What the engine has generated of a sequence."""

    sequence: RunningSequence
    tokens: Sequence[int] = ()
    logprobs: Sequence[float] = ()
    tops: Sequence[Top] = ()
    is_finished: bool = False
    error: BaseException | None = None


class CacheUsage(PrometheusStatLogger):
    """Notes how full the cache is, in place of metrics of vLLM's own."""

    def __init__(self, vllm_config: Any, engine_indexes: Any = None) -> None:
        """Make no metrics."""
        self.share = 0.0

    def record(self, scheduler_stats: Any = None, *_: Any, **__: Any) -> None:
        """Take the state of the scheduler over after a step."""
        if scheduler_stats is not None:
            self.share = float(scheduler_stats.kv_cache_usage)

    def log_engine_initialized(self) -> None:
        """Do nothing."""


class VllmEngine:
    """An engine that is opened again when its core has died."""

    def __init__(
        self,
        arguments: Mapping[str, Any],
        environment: Mapping[str, str],
        take: Callable[[Sequence[Arrived]], None],
    ) -> None:
        """Make an engine that is not started.

        Args:
            arguments: Fields of vLLM's ``AsyncEngineArgs``.
            environment: Variables of the process of its core.
            take: Gets what was generated, in the thread of the engine.
        """
        self._arguments = arguments
        self._environment = environment
        self._take = take
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="vLLM", daemon=True)
        self._started: Future[Facts] = Future()
        self._engine: AsyncLLM | None = None
        self._output: CoreOutput | None = None
        self._processes: Sequence[Any] = ()
        self._cause: str | None = None
        self._ready: asyncio.Future[AsyncLLM] = self._loop.create_future()
        self._troubled = asyncio.Event()
        self._is_closed = False
        self._numbers = itertools.count()
        self._generating: dict[int, asyncio.Task[None]] = {}
        self._arrived: list[Arrived] = []
        self._usage: CacheUsage | None = None

    @property
    def cache_usage(self) -> float:
        """The share of the cache that is in use."""
        return 0.0 if self._usage is None else self._usage.share

    def start(self) -> Facts:
        """Load the model, and return what is known of it.

        Raises:
            ModelError: vLLM can't load it.
        """
        self._thread.start()
        return self._started.result()

    def close(self) -> None:
        """End the engine."""
        self._is_closed = True
        if self._thread.is_alive():
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._troubled.set)
            self._thread.join()

    def add(self, prompt: Sequence[int], wanted: Wanted, sequence: RunningSequence) -> None:
        """Generate a sequence, without waiting for it."""
        self._loop.call_soon_threadsafe(self._begin, prompt, wanted, sequence)

    def cancel(self, sequences: Sequence[RunningSequence]) -> None:
        """Stop generating sequences, if they still are."""
        self._loop.call_soon_threadsafe(self._stop, sequences)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._shut()
            self._loop.run_until_complete(_cancel_rest())
            self._loop.close()

    async def _serve(self) -> None:
        try:
            self._started.set_result(self._open())
        except BaseException as error:
            self._started.set_exception(error)
            return
        while not self._is_closed:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._troubled.wait(), _LOOK_S)
            self._troubled.clear()
            engine = self._engine
            if engine is not None and engine.errored and not self._is_closed:
                await self._open_again()

    def _open(self) -> Facts:
        """Open the engine.

        Raises:
            ModelError: vLLM can't load the model.
        """
        self._output = CoreOutput()
        process = CoreProcess(self._output.path, self._environment, os.getpid())
        try:
            with own_core_process(process):
                engine = AsyncLLM.from_engine_args(
                    AsyncEngineArgs(**self._arguments), stat_loggers=[CacheUsage]
                )
        except Exception as error:
            self._output.close()
            cause = self._output.cause() or f"{type(error).__name__}: {error}"
            self._output = None
            raise ModelError(f"vLLM can't load it: {' '.join(cause.split())}") from error
        self._engine, self._cause = engine, None
        loggers = getattr(engine.logger_manager, "stat_loggers", ())
        self._usage = next((one for one in loggers if isinstance(one, CacheUsage)), None)
        manager = getattr(engine.engine_core.resources, "engine_manager", None)
        self._processes = list(getattr(manager, "processes", ()))
        self._ready.set_result(engine)
        config = engine.vllm_config.model_config
        return Facts(config.get_vocab_size(), config.max_model_len)

    async def _open_again(self) -> None:
        """Open the engine after its core has died, as often as that takes."""
        cause = self._death()
        delay_s = _FIRST_WAIT_S
        while not self._is_closed:
            logger.warning("%s; it starts again in %.1f s", cause, delay_s)
            self._shut()
            await asyncio.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_WAIT_S)
            try:
                self._open()
            except ModelError as error:
                cause = str(error)
                self._ready.set_exception(error)
                self._ready.exception()  # perhaps nothing waits for it
            else:
                logger.info("the engine core of vLLM runs again")
                return

    def _shut(self) -> None:
        engine, self._engine = self._engine, None
        if self._ready.done():
            self._ready = self._loop.create_future()
        if engine is not None:
            engine.shutdown(timeout=_EXIT_TIMEOUT_S)
        if self._output is not None:
            self._output.close()
            self._output = None

    def _death(self) -> str:
        """Return how the engine core has ended."""
        if self._cause is not None:
            return self._cause
        codes = []
        for process in self._processes:
            process.join(_EXIT_TIMEOUT_S)
            codes.append(process.exitcode)
        code = next((one for one in codes if one is not None), None)
        how = "has failed" if code is None else f"has ended with exit code {code}"
        if code is not None and code < 0:
            how = f"was killed by signal {-code}"
        cause = None if self._output is None else self._output.cause()
        self._cause = f"the engine core of vLLM {how}{': ' + cause if cause else ''}"
        return self._cause

    def _begin(self, prompt: Sequence[int], wanted: Wanted, sequence: RunningSequence) -> None:
        task = self._loop.create_task(self._generate(prompt, wanted, sequence))
        self._generating[id(sequence)] = task
        task.add_done_callback(lambda _: self._generating.pop(id(sequence), None))

    def _stop(self, sequences: Sequence[RunningSequence]) -> None:
        for sequence in sequences:
            if (task := self._generating.get(id(sequence))) is not None:
                task.cancel()

    async def _generate(
        self, prompt: Sequence[int], wanted: Wanted, sequence: RunningSequence
    ) -> None:
        try:
            engine = await asyncio.shield(self._ready)
            outputs = engine.generate(
                tokens_input(list(prompt)),
                wanted.params,
                str(next(self._numbers)),
                lora_request=wanted.adapter,
            )
            async for output in outputs:
                self._pass_on(_arrived(sequence, output))
        except EngineDeadError:
            self._troubled.set()
            self._pass_on(Arrived(sequence, error=ModelError(self._death())))
        except Exception as error:
            self._pass_on(Arrived(sequence, error=_error_of(error)))

    def _pass_on(self, arrived: Arrived) -> None:
        # What all sequences of a step of the engine have made is passed on together.
        if not self._arrived:
            self._loop.call_soon(self._flush)
        self._arrived.append(arrived)

    def _flush(self) -> None:
        arrived, self._arrived = self._arrived, []
        self._take(arrived)


def _error_of(error: Exception) -> Exception:
    """Return what a client gets of an exception of the engine."""
    # The engine wraps what it does not expect in an exception without words.
    cause = error.__cause__ if isinstance(error, EngineGenerateError) else error
    if isinstance(cause, (VLLMClientError, ValueError)):
        return InputError(f"vLLM refuses this: {cause}")
    if isinstance(cause, ModelError):
        return cause
    return ModelError(f"vLLM has failed: {type(cause).__name__}: {cause}")


async def _cancel_rest() -> None:
    """Cancel what else runs in this loop, and wait for its end."""
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def _arrived(sequence: RunningSequence, output: Any) -> Arrived:
    """Return what an output of the engine says."""
    [made] = output.outputs
    tokens = made.token_ids
    is_finished = made.finish_reason is not None
    if made.finish_reason in _FAILURES:
        raise ModelError("vLLM has ended the sequence with an error; its log says more")
    if not made.logprobs:
        return Arrived(sequence, tokens, [0.0] * len(tokens), [((), ())] * len(tokens), is_finished)
    tops, logprobs = [], []
    for token, found in zip(tokens, made.logprobs, strict=True):
        logprobs.append(found[token].logprob)
        # The token that was chosen is among them, with its own rank.
        ranked = sorted((one.rank, number, one.logprob) for number, one in found.items())
        tops.append(([number for _, number, _ in ranked], [one for *_, one in ranked]))
    return Arrived(sequence, tokens, logprobs, tops, is_finished)
