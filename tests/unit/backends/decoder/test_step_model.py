"""The decoder as a step model, without a service around it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grps.backends.common.language.options import MOST_TOP
from grps.backends.decoder.step_model import DecoderModel
from grps.errors import DeviceError, InputError, ModelError
from grps.inference.steps.model import PrefillPart, StepBatch, StepRequest
from tests.text_networks.onnx_decoder import write_onnx_model
from tests.text_networks.tiny_decoder import CONTEXT, END, VOCABULARY, write_model

LONG = list(range(40, 90))


def loaded(folder: Path, device: str = "cpu", **args: Any) -> DecoderModel:
    model = DecoderModel(4, 1)
    model.init(str(folder), device, args)
    model.load()
    return model


@pytest.fixture(scope="module", params=["safetensors", "onnx"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DecoderModel:
    folder = tmp_path_factory.mktemp("llama")
    return loaded(
        write_model(folder) if request.param == "safetensors" else write_onnx_model(folder)
    )


def request(tokens: Any = (1, 2, 3), made: Any = (), **inputs: Any) -> StepRequest:
    arrays = {"tokens": np.array(tokens), "ignore_eos": np.array([1])}
    arrays |= {name: np.asarray(array) for name, array in inputs.items()}
    outputs = {"token": np.array(made, np.int64)} if len(made) else {}
    return StepRequest(arrays, "id", outputs)


def begun(model: DecoderModel, *requests: StepRequest, part: int = CONTEXT) -> list[Any]:
    """Begin sequences and read their prompts in parts."""
    states = model.begin(requests)
    lengths = [len(one.inputs["tokens"]) + len(one.outputs.get("token", ())) for one in requests]
    for start in range(0, max(lengths), part):
        parts = [
            PrefillPart(state, {}, start, min(start + part, length))
            for state, length in zip(states, lengths, strict=True)
            if start < length
        ]
        model.prefill(parts)
    return states


def made(model: DecoderModel, states: list[Any], count: int) -> list[list[int]]:
    """Return the tokens of so many steps, for each sequence."""
    steps = [model.step(StepBatch({}, states)) for _ in range(count)]
    assert not any(step.failed for step in steps)
    rows = np.stack([np.asarray(step.outputs["token"]) for step in steps])
    return [column.tolist() for column in rows.T]


REQUESTS = [
    request(),
    request(LONG, temperature=[1.0], seed=[3]),
    request([7], temperature=[0.8], top_p=[0.9], frequency_penalty=[1.0]),
    request(LONG[:20], logit_bias_tokens=[5], logit_bias=[2.0]),
]


def test_sequences_of_a_batch_are_those_alone(model: DecoderModel) -> None:
    alone = [made(model, begun(model, one), 12)[0] for one in REQUESTS]
    assert made(model, begun(model, *REQUESTS), 12) == alone
    assert len({tuple(tokens) for tokens in alone}) == len(REQUESTS)


@pytest.mark.parametrize("part", [1, 2, 49, 50])
def test_prompts_in_parts_are_prompts_as_a_whole(model: DecoderModel, part: int) -> None:
    whole = made(model, begun(model, *REQUESTS), 6)
    assert made(model, begun(model, *REQUESTS, part=part), 6) == whole


def test_sequences_join_and_leave_between_steps(model: DecoderModel) -> None:
    alone = [made(model, begun(model, one), 6)[0] for one in REQUESTS[:2]]
    [first], [second] = begun(model, REQUESTS[0]), begun(model, REQUESTS[1])
    tokens = made(model, [first], 3)[0] + made(model, [second, first], 3)[1]
    assert tokens == alone[0]
    assert made(model, [second], 3)[0] == alone[1][3:]


def test_a_sequence_that_lost_its_state_goes_on_as_it_would_have(model: DecoderModel) -> None:
    for one in REQUESTS:
        whole = made(model, begun(model, one), 10)[0]
        again = StepRequest(one.inputs, "id", {"token": np.array(whole[:6])})
        assert made(model, begun(model, again, part=5), 4)[0] == whole[6:]


def test_likeliest_tokens_are_returned_to_those_who_ask(model: DecoderModel) -> None:
    asked = [request(), request(logprobs=[1]), request(logprobs=[1], top_logprobs=[3])]
    outputs = model.step(StepBatch({}, begun(model, *asked))).outputs
    assert outputs["top_token"].shape == (3, MOST_TOP)
    none, alone, top = outputs["top_token"]
    assert (set(none), set(alone), set(top[3:])) == ({-1}, {-1}, {-1})
    logprob = outputs["logprob"]
    assert logprob[0] == 0 > logprob[1]
    # The likeliest token was taken.
    assert top[0] == outputs["token"][2]
    np.testing.assert_allclose(outputs["top_logprob"][2][0], logprob[2], rtol=1e-6)


def test_a_sequence_ends_by_its_tokens_or_with_the_context(model: DecoderModel) -> None:
    [token] = made(model, begun(model, request()), 1)[0]
    stopping = begun(model, request(stop_tokens=[token]), request())
    assert list(model.step(StepBatch({}, stopping)).finished) == [True, False]
    ending = begun(model, request([9] * (CONTEXT - 2)))
    finished = [model.step(StepBatch({}, ending)).finished[0] for _ in range(2)]
    assert finished == [False, True]


def test_the_end_of_a_text_ends_a_sequence_unless_it_is_ignored(model: DecoderModel) -> None:
    biased: dict[str, Any] = {"logit_bias_tokens": [END], "logit_bias": [100.0]}
    states = begun(model, request(**biased), request(**biased, ignore_eos=[0]))
    assert list(model.step(StepBatch({}, states)).finished) == [False, True]


def test_states_report_their_memory(model: DecoderModel) -> None:
    assert model.scheduling is not None
    states = begun(model, request(), request(LONG))
    sizes = model.step(StepBatch({}, states)).state_bytes
    assert list(sizes) == [64 * model.scheduling.position_bytes] * 2


def test_logits_that_are_no_numbers_fail_their_sequence_alone(
    model: DecoderModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    states = begun(model, request(), request(), request())
    logits = np.zeros((3, VOCABULARY), np.float32)
    logits[0, 3], logits[2, 3] = np.nan, -np.inf
    monkeypatch.setattr(model._network, "next_logits", lambda spans: logits)
    result = model.step(StepBatch({}, states))
    assert set(result.failed) == {0}
    assert "no numbers" in str(result.failed[0])


def test_a_structure_that_fails_ends_its_sequence_alone(model: DecoderModel) -> None:
    states = begun(model, request(), request(regex=np.array(["[0-9]{20}"], object)))
    with pytest.raises(ModelError):
        states[1].sampler.guide.take(65)
    result = model.step(StepBatch({}, states))
    assert set(result.failed) == {1}
    assert isinstance(result.failed[1], ModelError)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"tokens": []}, "no tokens"),
        ({"tokens": [-1]}, f"tokens are numbers from 0 to {VOCABULARY - 1}"),
        ({"tokens": [VOCABULARY]}, f"tokens are numbers from 0 to {VOCABULARY - 1}"),
        ({"tokens": [0.5]}, "float64, not whole numbers"),
        ({"tokens": [1] * CONTEXT}, f"the prompt has {CONTEXT} tokens; the context"),
        ({"top_k": [0]}, "top_k is 0"),
        ({"regex": np.array(["("], object)}, "regex: "),
        ({"regex": np.array(["a", "b"], object)}, "regex has 2 texts; it needs one"),
        ({"json_schema": np.array([], object)}, "json_schema needs texts"),
        ({"seed": [float("nan")]}, "seed is nan, not a whole number"),
        ({"seed": [1.5]}, "seed is 1.5, not a whole number"),
        ({"stop_tokens": ["5"]}, "input stop_tokens is <U1, not tokens"),
        ({"stop_tokens": [VOCABULARY]}, f"from 0 to {VOCABULARY - 1}"),
    ],
)
def test_wrong_inputs_are_refused(model: DecoderModel, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        model.begin([request(**inputs)])


def test_a_prompt_may_leave_room_for_one_token(model: DecoderModel) -> None:
    assert len(begun(model, request([1] * (CONTEXT - 1)))) == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"dtype": "int8"}, "dtype"),
        ({"contxt_length": 5}, "did you mean context_length"),
        ({"context_length": CONTEXT + 1}, "was made for 128 at most"),
        ({"cache_size_gb": 1e-5, "context_length": CONTEXT}, "has room for 27 tokens"),
        ({"cache_size_gb": 1e9}, "are free beside the weights"),
        ({"prefill_tokens": 0}, "prefill_tokens"),
    ],
)
def test_wrong_arguments_are_refused(args: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        loaded(write_model(tmp_path), **args)


@pytest.mark.parametrize("device", ["cuda:99", "npu", "original", "moon"])
def test_devices_that_are_not_there_are_refused(device: str, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="device"):
        loaded(write_model(tmp_path), device)


@pytest.mark.parametrize(
    ("written", "args", "dtype"),
    [
        ("float32", {}, torch.float32),
        ("bfloat16", {}, torch.bfloat16),
        ("bfloat16", {"dtype": "float32"}, torch.float32),
        ("float32", {"dtype": "bfloat16"}, torch.bfloat16),
    ],
)
def test_weights_have_the_type_of_the_file_or_of_the_arguments(
    written: str, args: dict[str, Any], dtype: torch.dtype, tmp_path: Path
) -> None:
    model = loaded(write_model(tmp_path, dtype=written), **args)
    [state] = begun(model, request())
    assert model.step(StepBatch({}, [state])).state_bytes == [64 * 2 * 3 * 2 * 8 * dtype.itemsize]
    assert len(made(model, begun(model, request()), 2)[0]) == 2


def test_a_small_cache_shortens_the_context(tmp_path: Path) -> None:
    model = loaded(write_model(tmp_path), cache_size_gb=1e-5)
    assert model.files.context_length == 27
