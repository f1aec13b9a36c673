"""OpenVINO GenAI as a step model, without a service around it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import openvino_genai
import pytest

from grps.backends.llamacpp.step_model import LlamaCppModel
from grps.backends.openvino_genai import sampling
from grps.backends.openvino_genai.step_model import GenAiModel
from grps.errors import DeviceError, InputError, ModelError
from grps.inference.steps.model import StepBatch, StepRequest
from tests.integration.language.models import smol_path


@pytest.fixture(scope="module")
def model() -> Iterator[GenAiModel]:
    made = GenAiModel(4)
    made.init(str(smol_path()), "cpu")
    made.load()
    yield made


def request(tokens: Any = (1, 4093, 198), **inputs: Any) -> StepRequest:
    given = {"tokens": np.array(tokens, np.int64), "max_tokens": np.array([3]), **inputs}
    return StepRequest({name: np.asarray(array) for name, array in given.items()}, "id")


def run(model: GenAiModel, states: list[Any]) -> list[int]:
    """Step sequences to their end; return how many tokens each has."""
    made = [0] * len(states)
    for _ in range(50):
        result = model.step(StepBatch({}, states))
        made = [count + length for count, length in zip(made, result.lengths, strict=True)]
        if all(result.finished):
            return made
    raise AssertionError("the sequences do not end")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cache_size_gb": "much"}, "inferer_args: cache_size_gb"),
        ({"cache_size_gb": 0}, "inferer_args: cache_size_gb"),
        ({"max_batched_tokens": 0}, "inferer_args: max_batched_tokens"),
        ({"intra_op_threads": 0}, "inferer_args: intra_op_threads"),
        ({"prefix_caching": "maybe"}, "inferer_args: prefix_caching"),
        ({"no_such_property": 1}, "NO_SUCH_PROPERTY|no_such_property"),
    ],
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], words: str) -> None:
    made = GenAiModel(4)
    made.init(str(smol_path()), "cpu", arguments)
    with pytest.raises(ModelError, match=words):
        made.load()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"context_length": 0}, "inferer_args: context_length"),
        ({"context_length": 8193}, "context_length is 8193; the model has 8192"),
        ({"intra_op_threads": "all"}, "inferer_args: intra_op_threads"),
        ({"gpu_layers": -1}, "inferer_args: gpu_layers"),
        ({"context": 5}, "did you mean context_length"),
    ],
)
def test_wrong_arguments_of_llamacpp_are_refused(arguments: dict[str, Any], words: str) -> None:
    made = LlamaCppModel(4)
    made.init(str(smol_path()), "cpu", arguments)
    with pytest.raises(ModelError, match=words):
        made.load()


def test_llamacpp_takes_no_other_device() -> None:
    made = LlamaCppModel(4)
    made.init(str(smol_path()), "cuda:0")
    with pytest.raises(DeviceError, match=r"device cuda:0: llama\.cpp takes cpu"):
        made.load()


def test_sequences_are_generated_together(model: GenAiModel) -> None:
    assert run(model, model.begin([request(), request(max_tokens=[2])])) == [3, 2]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"tokens": []}, "no tokens"),
        ({"tokens": [-1]}, "tokens are numbers from 0 to 49151"),
        ({"tokens": [49_152]}, "tokens are numbers from 0 to 49151"),
        ({"tokens": [1] * 8192}, "8192 tokens"),
        ({"temperature": [-0.1]}, "temperature is -0.1"),
        ({"temperature": ["hot"]}, "not one number"),
        ({"top_p": [1.1]}, "top_p is 1.1"),
        ({"top_p": [0.0], "temperature": [1.0]}, "refuses"),
        ({"top_k": [0]}, "top_k is 0"),
        ({"seed": [1, 2]}, "not one number"),
        ({"logprobs": [2]}, "logprobs is 2"),
        ({"stop_tokens": [-5]}, "stop_tokens: tokens are numbers from 0"),
        ({"stop_tokens": ["5"]}, "input stop_tokens is <U1, not tokens"),
        ({"seed": [float("inf")]}, "seed is inf, not a whole number"),
        ({"temperature": [float("nan")]}, "temperature is nan"),
    ],
)
def test_wrong_inputs_are_refused(model: GenAiModel, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        model.begin([request(), request(**inputs)])


def test_what_is_refused_leaves_nothing_in_the_engine(model: GenAiModel) -> None:
    with pytest.raises(InputError):
        model.begin([request(), request(top_k=[0])])
    assert not model._pipeline.has_non_finished_requests()


def test_what_can_not_be_added_leaves_nothing_in_the_engine(
    model: GenAiModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = model._add
    added: list[Any] = []

    def refuse_the_second(*given: Any) -> Any:
        if added:
            raise MemoryError
        added.append(add(*given))
        return added[0]

    monkeypatch.setattr(model, "_add", refuse_the_second)
    with pytest.raises(MemoryError):
        model.begin([request(), request()])
    assert added[0].handle.get_status() == openvino_genai.GenerationStatus.CANCEL


def test_sequences_end_with_a_pipeline_that_can_not_be_opened_again(
    model: GenAiModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*given: Any) -> Any:
        raise RuntimeError("no memory")

    class Broken:
        has_non_finished_requests = staticmethod(lambda: True)
        step = staticmethod(no_memory)

    [left_out] = model.begin([request()])
    with monkeypatch.context() as patched:
        patched.setattr(model, "_pipeline", Broken())
        patched.setattr(openvino_genai, "ContinuousBatchingPipeline", no_memory)
        with pytest.raises(ModelError, match="no memory"):
            model.step(StepBatch({}, []))
    model._pipeline = None
    result = model.step(StepBatch({}, [left_out]))
    assert "the engine has failed" in str(result.failed[0])
    assert run(model, model.begin([request()])) == [3]


def test_a_pipeline_that_fails_is_opened_again(
    model: GenAiModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(inputs: Any) -> Any:
        return openvino_genai.StructuredOutputConfig(json_schema='{"type": "nonsense"}')

    [other] = model.begin([request()])
    with monkeypatch.context() as patched:
        patched.setattr(sampling, "structured_output", broken)
        [bad] = model.begin([request()])
    with pytest.raises(RuntimeError, match="nonsense"):
        model.step(StepBatch({}, [other, bad]))
    [good] = model.begin([request()])
    result = model.step(StepBatch({}, [other, good]))
    assert set(result.failed) == {0}
    assert "the engine has failed" in str(result.failed[0])
    model.end([other, bad])
    assert run(model, [good])[0] + result.lengths[1] == 3


def test_a_signal_after_a_model_was_closed_is_handled() -> None:
    # The engine exchanges the stack of signals, and unmaps its own when it is closed.
    code = """
        import faulthandler, gc, signal, sys
        faulthandler.enable()
        from grps.backends.openvino_genai.step_model import GenAiModel
        for _ in range(2):
            model = GenAiModel(1)
            model.init(sys.argv[1], "cpu")
            model.load()
            del model
            gc.collect()
        signal.signal(signal.SIGTERM, lambda *_: print("handled"))
        signal.raise_signal(signal.SIGTERM)
    """
    ran = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(smol_path())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "handled\n"), ran.stderr
