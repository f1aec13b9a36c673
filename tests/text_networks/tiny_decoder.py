"""Tiny decoders with random weights, as folders in the form of Hugging Face."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import AddedToken, Tokenizer, decoders, models
from tokenizers.pre_tokenizers import ByteLevel

from tests.text_networks.tiny import save_weights

VOCABULARY = 260
END = 256
"""The token that ends a text; tokens below are bytes."""
CONTEXT = 128
_SIZES = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": CONTEXT,
    "rms_norm_eps": 1e-5,
    "hidden_act": "silu",
    "eos_token_id": END,
    "bos_token_id": None,
    "pad_token_id": None,
    "tie_word_embeddings": False,
}
KINDS: Mapping[str, dict[str, Any]] = {
    "llama": {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "attention_bias": True,
        "mlp_bias": True,
        "rope_theta": 500.0,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    },
    "llama_tied": {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_key_value_heads": 1,
        "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 1000.0},
    },
    "mistral": {
        "architectures": ["MistralForCausalLM"],
        "model_type": "mistral",
        "head_dim": 16,
        "num_key_value_heads": 4,
        "sliding_window": CONTEXT - 28,
    },
    "qwen2": {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"},
    "qwen3": {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "head_dim": 16},
}
"""What ``config.json`` of each has besides the sizes."""
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}:"


def config_of(kind: str, **changes: Any) -> dict[str, Any]:
    """Return the ``config.json`` of a model."""
    return {**_SIZES, "torch_dtype": "float32", **KINDS[kind], **changes}


def tensors_of(config: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return random weights, which are the same each time."""
    random = np.random.RandomState(7)
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    size = config.get("head_dim", hidden // config["num_attention_heads"])
    queries = config["num_attention_heads"] * size
    keys = config["num_key_value_heads"] * size
    name = config["architectures"][0]
    qkv_bias = bool(config.get("attention_bias")) or name == "Qwen2ForCausalLM"
    inner_bias = bool(config.get("mlp_bias"))
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (VOCABULARY, hidden),
        "model.norm.weight": (hidden,),
    }
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (VOCABULARY, hidden)
    for index in range(config["num_hidden_layers"]):
        at = f"model.layers.{index}."
        matrices = {
            "self_attn.q_proj": (queries, hidden, qkv_bias),
            "self_attn.k_proj": (keys, hidden, qkv_bias),
            "self_attn.v_proj": (keys, hidden, qkv_bias),
            "self_attn.o_proj": (hidden, queries, bool(config.get("attention_bias"))),
            "mlp.gate_proj": (inner, hidden, inner_bias),
            "mlp.up_proj": (inner, hidden, inner_bias),
            "mlp.down_proj": (hidden, inner, inner_bias),
        }
        for part, (rows, columns, is_biased) in matrices.items():
            shapes[f"{at}{part}.weight"] = (rows, columns)
            if is_biased:
                shapes[f"{at}{part}.bias"] = (rows,)
        norms = ["input_layernorm", "post_attention_layernorm"]
        shapes |= {f"{at}{norm}.weight": (hidden,) for norm in norms}
        if name == "Qwen3ForCausalLM":
            shapes |= {f"{at}self_attn.{one}_norm.weight": (size,) for one in "qk"}
    return {
        name: (random.standard_normal(shape) * 0.3 + name.endswith("norm.weight")).astype("f4")
        for name, shape in shapes.items()
    }


def write_safetensors(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    """Write a safetensors file."""
    save_weights(path, {name: _array(tensor) for name, tensor in tensors.items()})


def _array(tensor: torch.Tensor) -> np.ndarray:
    is_brain = tensor.dtype == torch.bfloat16
    found: np.ndarray = (tensor.view(torch.uint16) if is_brain else tensor).contiguous().numpy()
    return found


def write_model(
    folder: Path, kind: str = "llama", *, dtype: str = "float32", shards: int = 1, **changes: Any
) -> Path:
    """Write a whole model into a folder, and return that."""
    config = config_of(kind, torch_dtype=dtype, **changes)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    tensors = {
        name: torch.from_numpy(array).to(getattr(torch, dtype))
        for name, array in tensors_of(config).items()
    }
    _write_shards(folder, tensors, shards)
    write_tokenizer(folder)
    return folder


def _write_shards(folder: Path, tensors: Mapping[str, torch.Tensor], shards: int) -> None:
    if shards == 1:
        write_safetensors(folder / "model.safetensors", tensors)
        return
    where: dict[str, str] = {}
    for shard in range(shards):
        name = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        own = dict(list(tensors.items())[shard::shards])
        write_safetensors(folder / name, own)
        where |= dict.fromkeys(own, name)
    index = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def write_tokenizer(folder: Path, special: Sequence[str] = ("<end>",)) -> None:
    """Write a tokenizer whose tokens are bytes, and special tokens behind them."""
    vocabulary = {one: number for number, one in enumerate(sorted(ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    described = {"eos_token": special[0], "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
