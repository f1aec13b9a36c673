"""Stands for ``tensorrt_llm.bindings.executor``: the arguments that it has, and no engine."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar


class ModelType(Enum):
    DECODER_ONLY = 0


@dataclass(kw_only=True)
class KvCacheConfig:
    enable_block_reuse: bool = True
    free_gpu_memory_fraction: float | None = None


@dataclass(kw_only=True)
class ParallelConfig:
    device_ids: list[int] | None = None


@dataclass
class ExecutorConfig:
    max_beam_width: int = 1
    kv_cache_config: KvCacheConfig = field(default_factory=KvCacheConfig)
    enable_chunked_context: bool = False
    max_batch_size: int | None = None
    max_num_tokens: int | None = None
    parallel_config: ParallelConfig | None = None


@dataclass
class SamplingConfig:
    beam_width: int = 1
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None
    temperature: float | None = None
    min_tokens: int | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    min_p: float | None = None


@dataclass(kw_only=True)
class OutputConfig:
    return_log_probs: bool = False
    exclude_input_from_output: bool = False


@dataclass(kw_only=True)
class Request:
    input_token_ids: list[int]
    max_tokens: int
    streaming: bool = False
    sampling_config: SamplingConfig = field(default_factory=SamplingConfig)
    output_config: OutputConfig = field(default_factory=OutputConfig)
    end_id: int | None = None
    pad_id: int | None = None
    stop_words: list[list[int]] | None = None


@dataclass(frozen=True)
class Result:
    output_token_ids: list[list[int]]
    is_final: bool = False
    log_probs: list[list[float]] | None = None


@dataclass(frozen=True)
class Response:
    request_id: int
    result: Result = Result([[]])
    error_msg: str = ""

    def has_error(self) -> bool:
        return bool(self.error_msg)


class Executor:
    """Hands the responses out that a test gives it."""

    made: ClassVar[list[Executor]] = []

    def __init__(self, model_path: Path, model_type: ModelType, executor_config: Any) -> None:
        self.path, self.config = model_path, executor_config
        self.requests: list[Request] = []
        self.cancelled: list[int] = []
        self.is_shut = threading.Event()
        self.error: RuntimeError | None = None
        self._responses: list[Response] = []
        self._news = threading.Condition()
        Executor.made.append(self)

    def enqueue_request(self, request: Request) -> int:
        self.requests.append(request)
        return len(self.requests)

    def give(self, *responses: Response) -> None:
        with self._news:
            self._responses += responses
            self._news.notify()

    def fail(self, error: RuntimeError) -> None:
        with self._news:
            self.error = error
            self._news.notify()

    def await_responses(self, timeout: timedelta) -> list[Response]:
        with self._news:
            self._news.wait_for(lambda: self._responses or self.error, timeout.total_seconds())
            if self.error is not None:
                raise self.error
            given, self._responses = self._responses, []
            return given

    def cancel_request(self, id: int) -> None:
        self.cancelled.append(id)

    def shutdown(self) -> None:
        self.is_shut.set()
