"""BERT and RoBERTa in PyTorch: what networks of text models are compared with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as f

Weights = dict[str, torch.Tensor]


def read_weights(path: Path) -> Weights:
    """The float32 weights of a ``.safetensors`` file."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    found = {}
    for name, one in json.loads(raw[8:start]).items():
        if one.get("dtype") == "F32":
            first, end = one["data_offsets"]
            values = np.frombuffer(raw[start + first : start + end], "<f4")
            found[name] = torch.from_numpy(values.reshape(one["shape"]).copy())
    return found


@dataclass(frozen=True)
class Bert:
    """One text, or one pair of texts, at a time: nothing is padded."""

    weights: Weights
    layers: int
    heads: int
    first: int = 0
    """The position of the first token: that of RoBERTa comes behind the padding."""
    epsilon: float = 1e-12

    def hidden(self, tokens: Sequence[int], types: Sequence[int]) -> torch.Tensor:
        """The vectors of the tokens."""
        weights = self.weights
        x = (
            weights["embeddings.word_embeddings.weight"][list(tokens)]
            + weights["embeddings.position_embeddings.weight"][self.first :][: len(tokens)]
            + weights["embeddings.token_type_embeddings.weight"][list(types)]
        )
        x = self._norm("embeddings.LayerNorm", x)
        for layer in range(self.layers):
            name = f"encoder.layer.{layer}"
            found = self._linear(f"{name}.attention.output.dense", self._attention(name, x))
            x = self._norm(f"{name}.attention.output.LayerNorm", x + found)
            found = f.gelu(self._linear(f"{name}.intermediate.dense", x))
            x = self._norm(
                f"{name}.output.LayerNorm", x + self._linear(f"{name}.output.dense", found)
            )
        return x

    def embedding(self, tokens: Sequence[int]) -> torch.Tensor:
        """The mean of the vectors, with the length 1."""
        return f.normalize(self.hidden(tokens, [0] * len(tokens)).mean(0), dim=0)

    def score(self, tokens: Sequence[int], types: Sequence[int]) -> float:
        """The score of a pair, from 0 to 1."""
        first = self.hidden(tokens, types)[0]
        dense, classifier = "pooler.dense", "classifier"
        if self.first:
            dense, classifier = "classifier.dense", "classifier.out_proj"
        pooled = torch.tanh(self._linear(dense, first))
        return float(torch.sigmoid(self._linear(classifier, pooled)))

    def _attention(self, name: str, x: torch.Tensor) -> torch.Tensor:
        query, key, value = (
            self._linear(f"{name}.attention.self.{part}", x).unflatten(1, (self.heads, -1))
            for part in ("query", "key", "value")
        )
        scores = torch.einsum("qhd,khd->hqk", query, key) / query.shape[2] ** 0.5
        return torch.einsum("hqk,khd->qhd", scores.softmax(2), value).flatten(1)

    def _linear(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return f.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _norm(self, name: str, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return f.layer_norm(x, weight.shape, weight, bias, self.epsilon)
