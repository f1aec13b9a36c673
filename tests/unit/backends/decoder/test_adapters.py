"""LoRA adapters, compared with models that have them in their weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grps.backends.decoder.network import Network, Span
from grps.backends.decoder.step_model import DecoderModel
from grps.errors import InputError, ModelError
from grps.inference.steps.model import PrefillPart, StepBatch, StepRequest
from tests.text_networks.onnx_decoder import write_onnx_model
from tests.text_networks.tiny_adapter import MODULES, TinyAdapter
from tests.text_networks.tiny_decoder import write_model

PROMPT = list(range(40, 60))
FIRST = TinyAdapter(seed=1)
SECOND = TinyAdapter(seed=2, rank=2, by_root=True, modules=MODULES[:3])


def loaded(folder: Path, **args: Any) -> DecoderModel:
    model = DecoderModel(4, 1)
    model.init(str(folder), "cpu", args)
    model.load()
    return model


def with_adapters(folder: Path, *adapters: TinyAdapter, **args: Any) -> DecoderModel:
    """Return a model with adapters, which have the names of their numbers."""
    paths = {str(at): str(one.write(folder / f"lora{at}")) for at, one in enumerate(adapters)}
    kind = adapters[0].kind
    return loaded(write_model(folder / "model", kind), adapters=paths, **args)


def merged(folder: Path, adapter: TinyAdapter) -> DecoderModel:
    write_model(folder, adapter.kind)
    adapter.merge(folder)
    return loaded(folder)


def logits(network: Network, adapter: str | None, start: int = 0) -> np.ndarray:
    """Return the logits behind the prompt, which is read in two parts."""
    cache = network.new_cache()
    if start:
        network.read([Span(cache, PROMPT[:start], 0, adapter)])
    found: np.ndarray = network.next_logits([Span(cache, PROMPT[start:], start, adapter)])
    return found[0]


def request(adapter: str | None, tokens: Any = PROMPT, made: Any = ()) -> StepRequest:
    inputs = {"tokens": np.array(tokens), "ignore_eos": np.array([1])}
    if adapter is not None:
        inputs["adapter"] = np.array([adapter], object)
    return StepRequest(inputs, "id", {"token": np.array(made, np.int64)} if len(made) else {})


def generated(model: DecoderModel, *requests: StepRequest, count: int = 8) -> list[list[int]]:
    states = model.begin(requests)
    model.prefill([PrefillPart(state, {}, 0, len(state.tokens)) for state in states])
    steps = [model.step(StepBatch({}, states)) for _ in range(count)]
    return np.stack([np.asarray(step.outputs["token"]) for step in steps]).T.tolist()


@pytest.mark.parametrize(
    "adapter",
    [
        FIRST,
        SECOND,
        TinyAdapter(seed=3, modules=MODULES[3:]),
        TinyAdapter(seed=4, kind="qwen3", alpha=1),
        TinyAdapter(seed=5, kind="llama_tied", rank=1),
        TinyAdapter(seed=6, keys={"r": 77, "rank_pattern": {"proj": 4}}),
    ],
)
def test_an_adapter_computes_what_its_weights_do(adapter: TinyAdapter, tmp_path: Path) -> None:
    model = with_adapters(tmp_path, adapter)
    expected = logits(merged(tmp_path / "merged", adapter)._network, None)
    plain = logits(model._network, None)
    assert np.abs(expected - plain).max() > 0.1
    for start in (0, 7):
        np.testing.assert_allclose(logits(model._network, "0", start), expected, atol=1e-4)
    # Sequences without an adapter are those of a model without one.
    base = loaded(tmp_path / "model")
    assert np.array_equal(plain, logits(base._network, None))


def test_sequences_with_different_adapters_share_steps(tmp_path: Path) -> None:
    model = with_adapters(tmp_path, FIRST, SECOND)
    assert model.facts().adapters == ("0", "1")
    requests = [request("1"), request(None), request("0"), request("0", [7, 8])]
    together = generated(model, *requests)
    assert together == [generated(model, one)[0] for one in requests]
    assert together[0] == generated(merged(tmp_path / "second", SECOND), request(None))[0]
    assert together[1] == generated(loaded(tmp_path / "model"), request(None))[0]
    assert together[2] == generated(merged(tmp_path / "first", FIRST), request(None))[0]
    assert len({tuple(tokens) for tokens in together}) == 4
    # A sequence that has lost its state goes on with its adapter.
    again = request("1", made=together[0][:3])
    assert generated(model, again, count=5)[0] == together[0][3:]


def test_an_adapter_has_the_type_of_the_model(tmp_path: Path) -> None:
    model = with_adapters(tmp_path, FIRST, dtype="bfloat16")
    expected = logits(merged(tmp_path / "merged", FIRST)._network, None)
    found = logits(model._network, "0")
    assert np.corrcoef(found, expected)[0, 1] > 0.99
    [change, *_] = model._network._adapters["0"][0, "qkv"]  # type: ignore[attr-defined]
    assert (change.down.dtype, change.up.dtype) == (torch.bfloat16, torch.bfloat16)


@pytest.mark.parametrize("given", [["2"], [""], ["0", "1"], [], [0]])
def test_unknown_adapters_are_refused(given: Any, tmp_path: Path) -> None:
    model = with_adapters(tmp_path, FIRST)
    inputs = {"tokens": np.array([1]), "adapter": np.array(given, object)}
    if given == [0]:
        assert model.begin([StepRequest(inputs, "id")])
        return
    with pytest.raises(InputError, match="the model has 0"):
        model.begin([StepRequest(inputs, "id")])


def test_a_model_without_adapters_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="input adapter is 'legal'; the model has none"):
        loaded(write_model(tmp_path)).begin([request("legal")])


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"peft_type": "IA3"}, "peft_type is 'IA3'; 'LORA' is supported"),
        ({"use_dora": True}, "use_dora is True, which is not supported"),
        ({"modules_to_save": ["lm_head"]}, r"modules_to_save is \['lm_head'\]"),
        ({"bias": "all"}, "bias is 'all'; 'none' is supported"),
        ({"alpha_pattern": {"q_proj": 3}}, "alpha_pattern"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights is 'pissa'"),
        ({"r": 0}, "r is 0, not a whole number above 0"),
        ({"r": 5}, r"self_attn.q_proj of layer 0 is \[4, 32\]; \[5, 32\] goes"),
        ({"lora_alpha": None}, "lora_alpha is None, not a number"),
    ],
)
def test_other_kinds_of_adapters_are_refused(
    keys: Mapping[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=words):
        with_adapters(tmp_path, TinyAdapter(keys=keys))


AT = "base_model.model.model.layers"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_model.model.lm_head.lora_A.weight": (4, 32)}, "'base_model.model.lm_head"),
        ({f"{AT}.3.mlp.up_proj.lora_A.weight": (4, 32)}, "layers.3.mlp.* of 3 layers"),
        ({f"{AT}.0.mlp.odd_proj.lora_A.weight": (4, 32)}, "is for no part of the model"),
        ({f"{AT}.0.mlp.up_proj.lora_magnitude_vector": (48,)}, "is for no part of the model"),
        ({f"{AT}.0.mlp.up_proj.lora_B.weight": None}, "has only one of lora_A and lora_B"),
        ({f"{AT}.0.mlp.up_proj.lora_B.weight": (47, 4)}, r"\[47, 4\]; \[48, 4\] goes with"),
        ({f"{AT}.0.mlp.up_proj.lora_A.weight": (4,)}, r"is \[4\]; \[4, 32\] goes with"),
    ],
)
def test_other_tensors_are_refused(
    changes: Mapping[str, tuple[int, ...] | None], words: str, tmp_path: Path
) -> None:
    tensors = FIRST.tensors()
    for name, shape in changes.items():
        tensors.pop(name, None)
        if shape is not None:
            tensors[name] = np.zeros(shape, np.float32)
    path = FIRST.write(tmp_path / "lora", tensors)
    with pytest.raises(ModelError, match=words):
        loaded(write_model(tmp_path / "model"), adapters={"lora": str(path)})


def test_missing_files_are_named(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model")
    with pytest.raises(ModelError, match=r"adapter_config.json: missing or empty"):
        loaded(model, adapters={"lora": str(tmp_path / "none")})
    path = FIRST.write(tmp_path / "lora")
    (path / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"adapter_model.safetensors: can't be read"):
        loaded(model, adapters={"lora": str(path)})


@pytest.mark.parametrize("name", ["a b", "", "a" * 129, "ä", "a/b", "a\n"])
def test_names_of_adapters_are_checked(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="adapters"):
        loaded(write_model(tmp_path), adapters={name: "lora"})


def test_a_decoder_in_onnx_takes_no_adapters(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a decoder in ONNX takes none"):
        loaded(write_onnx_model(tmp_path), adapters={"lora": "lora"})
