"""Tiny text models with random weights, in the form of Hugging Face."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ["[PAD]", "[CLS]", "[SEP]", "?", "a", "b", "c", "cat", "dog", "runs", "sleeps"]
BERT: dict[str, Any] = {
    "model_type": "bert",
    "vocab_size": len(WORDS),
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 20,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
}


RANKS = {"architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"}}
"""What makes a configuration that of a model that ranks."""


@dataclass(frozen=True)
class TinyModel:
    """What is made."""

    kind: str = "bert"
    ranks: bool = False


def save_tiny(folder: Path, model: TinyModel) -> None:
    """Write the files of a model."""
    name = {"bert": "Bert", "roberta": "Roberta"}[model.kind]
    end = "ForSequenceClassification" if model.ranks else "Model"
    config = BERT | {"model_type": model.kind, "architectures": [f"{name}{end}"]}
    if model.ranks:
        config["id2label"] = RANKS["id2label"]
    if model.kind == "roberta":
        config |= {"pad_token_id": 0}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer()))
    save_weights(folder / "model.safetensors", _weights(model))


def _weights(model: TinyModel) -> dict[str, np.ndarray]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(WORDS), 8),
        "embeddings.position_embeddings.weight": (20, 8),
        "embeddings.token_type_embeddings.weight": (2, 8),
    }
    norms = ["embeddings.LayerNorm"]
    linear: dict[str, tuple[int, int]] = {}
    for layer in range(2):
        at = f"encoder.layer.{layer}"
        linear |= {f"{at}.attention.self.{part}": (8, 8) for part in ("query", "key", "value")}
        linear[f"{at}.attention.output.dense"] = (8, 8)
        linear[f"{at}.intermediate.dense"] = (16, 8)
        linear[f"{at}.output.dense"] = (8, 16)
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
    if model.ranks:
        heads = {"bert": ("pooler.dense", "classifier")}
        dense, classifier = heads.get(model.kind, ("classifier.dense", "classifier.out_proj"))
        linear |= {dense: (8, 8), classifier: (1, 8)}
    shapes |= {f"{name}.weight": shape for name, shape in linear.items()}
    shapes |= {f"{name}.bias": shape[:1] for name, shape in linear.items()}
    shapes |= {f"{name}.{part}": (8,) for name in norms for part in ("weight", "bias")}
    random = np.random.default_rng(7)
    return {
        name: random.normal(scale=0.5, size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def save_weights(path: Path, weights: dict[str, np.ndarray]) -> None:
    """Write a ``.safetensors`` file; numbers of 16 bits without a type are bfloat16."""
    types = {"float32": "F32", "float16": "F16", "uint16": "BF16", "int64": "I64"}
    head: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, one in weights.items():
        end = start + one.nbytes
        dtype = types[one.dtype.name]
        head[name] = {"dtype": dtype, "shape": one.shape, "data_offsets": [start, end]}
        start = end
    encoded = json.dumps(head).encode()
    data = b"".join(one.tobytes() for one in weights.values())
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + data)


def _tokenizer() -> dict[str, Any]:
    special = {
        word: {"id": word, "ids": [WORDS.index(word)], "tokens": [word]}
        for word in ("[CLS]", "[SEP]")
    }
    first, second = (
        [
            {"Sequence": {"id": name, "type_id": kind}},
            {"SpecialToken": {"id": "[SEP]", "type_id": kind}},
        ]
        for name, kind in (("A", 0), ("B", 1))
    )
    begin = {"SpecialToken": {"id": "[CLS]", "type_id": 0}}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, *first],
            "pair": [begin, *first, *second],
            "special_tokens": special,
        },
        "decoder": None,
        "model": {
            "type": "WordLevel",
            "unk_token": "?",
            "vocab": {word: index for index, word in enumerate(WORDS)},
        },
    }
