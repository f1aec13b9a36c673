"""TensorRT-LLM as a step model, by an executor that a test tells what to say.

The executor has the arguments of the real one. What a real one does is not shown by these tests.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from grps.errors import DeviceError, InputError, ModelError
from grps.inference.steps.model import StepBatch, StepRequest
from tests.support import GUARD_S
from tests.text_networks.tiny_decoder import write_tokenizer
from tests.unit.backends.tensorrt_llm import bindings
from tests.unit.backends.tensorrt_llm.bindings import Executor, Response, Result
from tests.unit.backends.tensorrt_llm.test_engine_files import write

MODULE = "grps.backends.tensorrt_llm.step_model"


@pytest.fixture
def create(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """What makes a model; the bindings are those of the test."""
    for name in ("tensorrt_llm", "tensorrt_llm.bindings"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "tensorrt_llm.bindings.executor", bindings)
    monkeypatch.setattr(sys.modules["tensorrt_llm.bindings"], "executor", bindings, raising=False)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    write_tokenizer(write(tmp_path))
    (tmp_path / "generation_config.json").write_text('{"eos_token_id": [2, 3]}')
    module = import_module(MODULE)

    def make(sequences: int = 4, device: str | None = "cuda:1", **arguments: Any) -> Any:
        made = module.TensorrtLlmModel(sequences)
        made.init(str(tmp_path), device, arguments)
        made.load()
        return made

    yield make
    sys.modules.pop(MODULE, None)
    Executor.made.clear()


def request(tokens: Any = (5, 6), **inputs: Any) -> StepRequest:
    given = {"tokens": np.array(tokens, np.int64), **inputs}
    return StepRequest({name: np.asarray(array) for name, array in given.items()}, "id")


def outputs(model: Any, states: Sequence[Any]) -> tuple[list[int], list[float], Any]:
    """Step until something has come: tokens, log-probabilities, and the last result."""
    tokens: list[int] = []
    logprobs: list[float] = []
    for _ in range(1000):
        made = model.step(StepBatch({}, states))
        assert isinstance(made.outputs, Mapping)
        tokens += made.outputs["token"].tolist()
        logprobs += made.outputs["logprob"].tolist()
        if all(made.finished):
            return tokens, logprobs, made
    raise AssertionError("the sequences do not end")


def test_a_request_is_passed_on(create: Any) -> None:
    model = create(cache_fraction=0.5, chunked_prefill=True)
    [executor] = Executor.made
    assert executor.config.parallel_config.device_ids == [1]
    assert executor.config.max_batch_size == 4
    assert executor.config.kv_cache_config.free_gpu_memory_fraction == 0.5
    model.begin([request(max_tokens=[7], temperature=[0.5], logprobs=[1], stop_tokens=[9])])
    [sent] = executor.requests
    assert (sent.input_token_ids, sent.max_tokens, sent.streaming) == ([5, 6], 7, True)
    assert (sent.end_id, sent.stop_words) == (2, [[3], [9]])
    assert sent.sampling_config.temperature == 0.5
    assert sent.output_config.return_log_probs


def test_what_is_generated_is_delivered(create: Any) -> None:
    model = create()
    first, second = model.begin([request(), request()])
    [executor] = Executor.made
    executor.give(
        Response(2, Result([[8]], is_final=True)),
        Response(1, Result([[4, 5]], log_probs=[[-9.0, -1.0, -2.0]])),
    )
    executor.give(Response(1, Result([[]], is_final=True)), Response(7))
    tokens, logprobs, _ = outputs(model, [first, second])
    assert sorted(tokens) == [4, 5, 8]
    assert sorted(logprobs) == [-2, -1, 0]


def test_an_error_fails_its_sequence(create: Any) -> None:
    model = create()
    states = model.begin([request(), request()])
    [executor] = Executor.made
    executor.give(Response(1, error_msg="no room"), Response(2, Result([[8]], is_final=True)))
    *_, made = outputs(model, states)
    assert {row: str(error) for row, error in made.failed.items()} == {
        0: "TensorRT-LLM has failed: no room"
    }


def test_a_sequence_that_ends_is_cancelled(create: Any) -> None:
    model = create()
    first, second = model.begin([request(), request()])
    [executor] = Executor.made
    executor.give(Response(1, Result([[8]], is_final=True)))
    outputs(model, [first])
    model.end([first, second])
    assert executor.cancelled == [2]


def test_an_executor_that_fails_is_opened_again(create: Any) -> None:
    model = create()
    states = model.begin([request()])
    Executor.made[0].fail(RuntimeError("CUDA error"))
    *_, made = outputs(model, states)
    assert "CUDA error" in str(made.failed[0])
    assert Executor.made[0].is_shut.wait(GUARD_S)
    model.begin([request()])
    assert len(Executor.made) == 2


def test_a_model_that_is_released_closes_its_executor(create: Any) -> None:
    model = create()
    [executor] = Executor.made
    del model
    gc.collect()
    assert executor.is_shut.wait(GUARD_S)


@pytest.mark.parametrize(
    ("tokens", "words"),
    [([5] * 49, "the prompt has 49 tokens; the engine was built for 48"), ([100], "0 to 99")],
)
def test_prompts_that_do_not_fit_are_refused(create: Any, tokens: list[int], words: str) -> None:
    model = create()
    model.begin([request([5] * 48)])
    with pytest.raises(InputError, match=words):
        model.begin([request(tokens)])


def test_models_that_do_not_fit_are_refused(create: Any) -> None:
    create(8)
    with pytest.raises(ModelError, match="max_batch_size 9 is more than the 8 sequences"):
        create(9)
    with pytest.raises(DeviceError, match="runs on GPUs only"):
        create(device="cpu")
