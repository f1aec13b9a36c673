"""What ``config.json`` says, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from grps.backends.decoder.pytorch.architecture import ARCHITECTURES, read_architecture
from grps.backends.decoder.pytorch.weights import WeightsReader
from grps.errors import ModelError
from tests.text_networks.tiny_decoder import CONTEXT, KINDS, config_of, tensors_of, write_model

CPU = torch.device("cpu")


def config_in(folder: Path, config: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_every_architecture_has_a_test_model() -> None:
    assert {kind["architectures"][0] for kind in KINDS.values()} == set(ARCHITECTURES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"architectures": ["BertModel"]}, "'BertModel'; supported: LlamaForCausalLM, Mistral"),
        ({"architectures": []}, "the architecture is None; supported: "),
        ({"architectures": "LlamaForCausalLM"}, "the architecture is None; supported: "),
        ({"quantization_config": {"bits": 4}}, "the model is quantized"),
        ({"hidden_act": "gelu"}, "hidden_act is 'gelu'"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"hidden_size": (1 << 24) + 1}, "hidden_size is 16777217"),
        ({"vocab_size": "many"}, "vocab_size is 'many'"),
        ({"num_hidden_layers": 1025}, "num_hidden_layers is 1025"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"num_key_value_heads": 3}, "4 heads, 3 of keys"),
        ({"head_dim": 7}, "of size 7"),
        ({"rms_norm_eps": 0}, "rms_norm_eps is 0"),
        ({"rms_norm_eps": float("nan")}, "rms_norm_eps is nan"),
        ({"max_position_embeddings": None}, "max_position_embeddings is None"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2}}, "rope_type is 'yarn'"),
        ({"rope_scaling": {"type": "linear"}}, "factor is None"),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is not 1"),
        ({"rope_scaling": [2]}, "rope_parameters is not an object"),
        (
            {"rope_scaling": {**KINDS["llama"]["rope_scaling"], "low_freq_factor": 4.0}},
            "low_freq_factor is not below",
        ),
    ],
)
def test_what_is_not_supported_is_named(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError) as caught:
        read_architecture(config_in(tmp_path, config_of("llama", **changes)))
    assert words in str(caught.value)
    assert str(tmp_path / "config.json") in str(caught.value)


@pytest.mark.parametrize("text", ["", "[1]", "{"])
def test_what_is_no_object_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json"):
        read_architecture(tmp_path)


def test_a_folder_without_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read"):
        read_architecture(tmp_path)


@pytest.mark.parametrize(
    ("kind", "changes", "length"),
    [
        ("llama", {}, CONTEXT),
        ("mistral", {}, CONTEXT - 28),
        ("mistral", {"sliding_window": None}, CONTEXT),
        ("mistral", {"sliding_window": CONTEXT + 1}, CONTEXT),
        ("qwen2", {"sliding_window": 5}, CONTEXT),
        ("qwen2", {"sliding_window": 5, "use_sliding_window": True}, 5),
    ],
)
def test_a_window_of_attention_ends_the_context(
    kind: str, changes: dict[str, Any], length: int, tmp_path: Path
) -> None:
    config = config_of(kind, **changes)
    assert read_architecture(config_in(tmp_path, config)).context_length == length


@pytest.mark.parametrize(
    ("written", "changes", "words"),
    [
        ("llama", {"attention_bias": False}, "12 tensors that its architecture has not"),
        ("llama_tied", {"tie_word_embeddings": False}, "'lm_head.weight' is missing"),
        ("qwen2", {"intermediate_size": 47}, "config.json makes it [47, 32]"),
        ("qwen2", {"num_hidden_layers": 4}, "'model.layers.3.input_layernorm.weight' is missing"),
    ],
)
def test_weights_that_do_not_fit_are_named(
    written: str, changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    config_in(write_model(tmp_path, written), config_of(written, **changes))
    architecture = read_architecture(tmp_path)
    with pytest.raises(ModelError) as caught:
        WeightsReader(tmp_path, architecture).read(torch.float32, CPU)
    assert words in str(caught.value)


@pytest.mark.parametrize("written", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_get_the_type_that_is_asked_for(
    written: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    write_model(tmp_path, dtype=written)
    reader = WeightsReader(tmp_path, read_architecture(tmp_path))
    assert reader.dtype == getattr(torch, written)
    expected = torch.from_numpy(tensors_of(config_of("llama"))["model.embed_tokens.weight"])
    found = reader.read(dtype, CPU).embedding
    assert torch.equal(found, expected.to(reader.dtype).to(dtype))


def test_weights_that_are_quantized_are_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path) / "model.safetensors"
    one_norm = b'"model.norm.weight": {"dtype": "F32", "shape": [32]'
    quantized = b'"model.norm.weight": {"dtype": "I8", "shape": [128]'
    head = path.read_bytes()
    assert one_norm in head
    path.write_bytes(head.replace(one_norm, quantized))
    with pytest.raises(ModelError, match="type 'I8'; F32, BF16, F16 are read"):
        WeightsReader(tmp_path, read_architecture(tmp_path))
