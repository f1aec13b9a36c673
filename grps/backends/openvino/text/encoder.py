"""BERT and RoBERTa as networks of OpenVINO, out of their weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from openvino import Node, Output
from openvino import opset13 as ops

from grps.backends.openvino.text.weights import Weights
from grps.errors import ModelError

_ACTIVATIONS = {
    "gelu": lambda x: ops.gelu(x, "erf"),
    "gelu_new": lambda x: ops.gelu(x, "tanh"),
    "gelu_pytorch_tanh": lambda x: ops.gelu(x, "tanh"),
    "relu": ops.relu,
}
_KINDS = {"bert": "bert", "roberta": "roberta", "xlm-roberta": "roberta"}


@dataclass(frozen=True, slots=True)
class TextInputs:
    """The inputs of a network: int64, ``[texts, tokens]``."""

    tokens: Node
    mask: Node
    """1 for a token, 0 for padding behind the tokens."""
    types: Node
    """0 for tokens of the first text, 1 for those of the second."""


class Encoder:
    """Makes the network of an encoder."""

    def __init__(self, config: Mapping[str, Any], weights: Weights) -> None:
        """Read the sizes of the network.

        Raises:
            ModelError: It is of another kind, or a size is missing.
        """
        kind = str(config.get("model_type"))
        if kind not in _KINDS:
            raise ModelError(
                f"config.json: a network of the model_type {kind!r} can't be made of its weights "
                f"(but {', '.join(_KINDS)}); export it: optimum-cli export openvino --model ..."
            )
        if config.get("position_embedding_type", "absolute") != "absolute":
            raise ModelError("config.json: only absolute position_embedding_type is supported")
        activation = str(config.get("hidden_act", "gelu"))
        if activation not in _ACTIVATIONS:
            raise ModelError(f"config.json: hidden_act {activation!r} is not supported")
        self._is_roberta = _KINDS[kind] == "roberta"
        self._activation = _ACTIVATIONS[activation]
        self._config, self._weights = config, weights
        self._width, self._heads = self._size("hidden_size"), self._size("num_attention_heads")
        if self._width % self._heads:
            raise ModelError("config.json: hidden_size is no multiple of num_attention_heads")

    @property
    def width(self) -> int:
        """The size of the vector of a token."""
        return self._width

    def hidden(self, inputs: TextInputs) -> Output:
        """Return a vector for each token, ``[texts, tokens, width]``."""
        bias = _attention_bias(inputs.mask)
        x = self._norm("embeddings.LayerNorm", self._embeddings(inputs))
        for layer in range(self._size("num_hidden_layers")):
            name = f"encoder.layer.{layer}"
            found = self._attention(f"{name}.attention.self", x, bias)
            found = self._linear(f"{name}.attention.output.dense", found, self._width)
            x = self._norm(f"{name}.attention.output.LayerNorm", ops.add(x, found))
            inner = self._size("intermediate_size")
            found = self._activation(self._linear(f"{name}.intermediate.dense", x, inner))
            found = self._linear(f"{name}.output.dense", found, self._width, inner)
            x = self._norm(f"{name}.output.LayerNorm", ops.add(x, found))
        return x.output(0)

    def score(self, hidden: Output) -> Output:
        """Return one number of each text, ``[texts, 1]``, by the vector of its first token."""
        first = ops.gather(hidden, np.int64(0), np.int64(1))
        names = ("classifier.dense", "classifier.out_proj")
        if not self._is_roberta:
            names = ("pooler.dense", "classifier")
        pooled = ops.tanh(self._linear(names[0], first, self._width))
        return self._linear(names[1], pooled, 1).output(0)

    def _embeddings(self, inputs: TextInputs) -> Node:
        tokens = self._table("word_embeddings", self._size("vocab_size"), inputs.tokens)
        positions = ops.cumsum(inputs.mask, np.int64(1))
        if self._is_roberta:
            padding = int(self._config.get("pad_token_id", 1))
            positions = ops.add(ops.multiply(positions, inputs.mask), np.int64(padding))
        else:
            positions = ops.subtract(positions, np.int64(1))
        most = self._size("max_position_embeddings")
        places = self._table("position_embeddings", most, positions)
        kinds = self._size("type_vocab_size")
        # A network with one type takes all tokens for it.
        of_text = ops.minimum(inputs.types, np.int64(kinds - 1))
        types = self._table("token_type_embeddings", kinds, of_text)
        return ops.add(ops.add(tokens, places), types)

    def _attention(self, name: str, x: Node, bias: Node) -> Node:
        shape = np.array([0, 0, self._heads, self._width // self._heads])
        query, key, value = (
            ops.transpose(
                ops.reshape(self._linear(f"{name}.{part}", x, self._width), shape, True),
                np.array([0, 2, 1, 3]),
            )
            for part in ("query", "key", "value")
        )
        found = ops.scaled_dot_product_attention(query, key, value, bias)
        joined = ops.transpose(found, np.array([0, 2, 1, 3]))
        return ops.reshape(joined, np.array([0, 0, self._width]), True)

    def _table(self, name: str, rows: int, index: Node) -> Node:
        table = self._weights.get(f"embeddings.{name}.weight", rows, self._width)
        return ops.gather(ops.constant(table), index, np.int64(0))

    def _linear(self, name: str, x: Any, outputs: int, inputs: int | None = None) -> Node:
        weight = self._weights.get(f"{name}.weight", outputs, inputs or self._width)
        product = ops.matmul(x, ops.constant(weight), False, True)
        return ops.add(product, ops.constant(self._weights.get(f"{name}.bias", outputs)))

    def _norm(self, name: str, x: Node) -> Node:
        epsilon = float(self._config.get("layer_norm_eps", 1e-12))
        found = ops.mvn(x, np.array([-1]), True, epsilon, "inside_sqrt")
        scaled = ops.multiply(found, ops.constant(self._weights.get(f"{name}.weight", self._width)))
        return ops.add(scaled, ops.constant(self._weights.get(f"{name}.bias", self._width)))

    def _size(self, key: str) -> int:
        size = self._config.get(key)
        if not isinstance(size, int) or size < 1:
            raise ModelError(f"config.json: {key} is missing or is no size")
        return size


def _attention_bias(mask: Node) -> Node:
    """Return what is added to the scores of each token, ``[texts, 1, 1, tokens]``."""
    hidden = ops.subtract(np.float32(1), ops.convert(mask, "f32"))
    scaled = ops.multiply(hidden, np.float32(np.finfo(np.float32).min))
    return ops.unsqueeze(scaled, np.array([1, 2]))
