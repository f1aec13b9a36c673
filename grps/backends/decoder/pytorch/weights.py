"""The weights of a decoder, read and put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from grps.backends.common.language.safetensors import Stored, stored_tensors
from grps.backends.decoder.pytorch.architecture import Architecture
from grps.errors import ModelError

_EMBEDDING, _HEAD, _NORM = "model.embed_tokens.weight", "lm_head.weight", "model.norm.weight"
DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}
"""Types of weights; others, such as those of quantized models, are refused."""
_NOT_USED = "rotary_emb.inv_freq"
"""The end of the names of tensors that older files have, and that are computed."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A linear layer."""

    weight: torch.Tensor
    bias: torch.Tensor | None

    def __call__(self, rows: torch.Tensor) -> torch.Tensor:
        """Return the layer's output for each row."""
        return torch.nn.functional.linear(rows, self.weight, self.bias)


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a decoder. Matrices that are used together are one."""

    attention_norm: torch.Tensor
    qkv: Linear
    query_norm: torch.Tensor | None
    key_norm: torch.Tensor | None
    output: Linear
    inner_norm: torch.Tensor
    gate_up: Linear
    down: Linear


@dataclass(frozen=True, slots=True)
class Weights:
    """All weights of a decoder."""

    embedding: torch.Tensor
    layers: tuple[Layer, ...]
    norm: torch.Tensor
    head: torch.Tensor


class WeightsReader:
    """Reads the weights of one model."""

    def __init__(self, folder: Path, architecture: Architecture) -> None:
        """Find the tensors of a model, without reading them.

        Raises:
            ModelError: A file is missing or damaged, or has tensors of a type that is not read.
        """
        self._folder = folder
        self._architecture = architecture
        self._stored = stored_tensors(folder)
        for name, one in self._stored.items():
            if one.dtype not in DTYPES:
                raise ModelError(
                    f"{one.file}: tensor {name!r}: type {one.dtype!r}; {', '.join(DTYPES)} are "
                    "read. Models that are quantized run as GGUF or OpenVINO files"
                )
        self._left = set(self._stored)
        self._place = torch.device("cpu")
        self._dtype = torch.float32

    @property
    def elements(self) -> int:
        """Return how many elements all tensors have that are read."""
        shapes = [one.shape for name, one in self._stored.items() if not self._is_extra(name)]
        return sum(torch.Size(shape).numel() for shape in shapes)

    @property
    def dtype(self) -> torch.dtype:
        """Return the type of the embedding, which stands for all."""
        return DTYPES[self._find(_EMBEDDING).dtype]

    def read(self, dtype: torch.dtype, place: torch.device) -> Weights:
        """Read all weights.

        Args:
            dtype: The type that they get.
            place: The device that they go to.

        Raises:
            ModelError: One is missing or has another shape, or there are some that are not known.
        """
        self._dtype, self._place = dtype, place
        sizes = self._architecture
        embedding = self._matrix([_EMBEDDING], [sizes.vocabulary], sizes.hidden)
        head = embedding
        if not sizes.tied:
            head = self._matrix([_HEAD], [sizes.vocabulary], sizes.hidden)
        layers = tuple(self._layer(f"model.layers.{index}.") for index in range(sizes.layers))
        weights = Weights(embedding, layers, self._vector([_NORM], [sizes.hidden]), head)
        unknown = sorted(name for name in self._left if not self._is_extra(name))
        if unknown:
            raise ModelError(
                f"{self._folder}: {len(unknown)} tensors that its architecture has not, such as "
                f"{unknown[0]!r}"
            )
        return weights

    def _is_extra(self, name: str) -> bool:
        return name.endswith(_NOT_USED) or (name == _HEAD and self._architecture.tied)

    def _layer(self, at: str) -> Layer:
        sizes = self._architecture
        queries, keys = sizes.heads * sizes.head_size, sizes.kv_heads * sizes.head_size
        attention, inner = f"{at}self_attn.", f"{at}mlp."
        normed = sizes.head_norms
        return Layer(
            attention_norm=self._vector([f"{at}input_layernorm.weight"], [sizes.hidden]),
            qkv=self._linear(
                [f"{attention}{one}_proj" for one in "qkv"],
                [queries, keys, keys],
                sizes.hidden,
                sizes.qkv_bias,
            ),
            query_norm=self._head_norm(f"{attention}q_norm.weight") if normed else None,
            key_norm=self._head_norm(f"{attention}k_norm.weight") if normed else None,
            output=self._linear([f"{attention}o_proj"], [sizes.hidden], queries, sizes.output_bias),
            inner_norm=self._vector([f"{at}post_attention_layernorm.weight"], [sizes.hidden]),
            gate_up=self._linear(
                [f"{inner}gate_proj", f"{inner}up_proj"],
                [sizes.inner, sizes.inner],
                sizes.hidden,
                sizes.inner_bias,
            ),
            down=self._linear([f"{inner}down_proj"], [sizes.hidden], sizes.inner, sizes.inner_bias),
        )

    def _head_norm(self, name: str) -> torch.Tensor:
        return self._vector([name], [self._architecture.head_size])

    def _linear(
        self, names: Sequence[str], rows: Sequence[int], columns: int, biased: bool
    ) -> Linear:
        weight = self._matrix([f"{name}.weight" for name in names], rows, columns)
        bias = self._vector([f"{name}.bias" for name in names], rows) if biased else None
        return Linear(weight, bias)

    def _matrix(self, names: Sequence[str], rows: Sequence[int], columns: int) -> torch.Tensor:
        return self._joined(names, [(count, columns) for count in rows])

    def _vector(self, names: Sequence[str], sizes: Sequence[int]) -> torch.Tensor:
        return self._joined(names, [(size,) for size in sizes])

    def _joined(self, names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> torch.Tensor:
        """Read tensors below each other into one."""
        stored = []
        for name, shape in zip(names, shapes, strict=True):
            one = self._find(name)
            if one.shape != shape:
                raise ModelError(
                    f"{one.file}: tensor {name!r} is {list(one.shape)}; config.json makes it "
                    f"{list(shape)}"
                )
            self._left.discard(name)
            stored.append(one)
        rows = [shape[0] for shape in shapes]
        joined = torch.empty((sum(rows), *shapes[0][1:]), dtype=self._dtype)
        for one, part in zip(stored, joined.split(rows), strict=True):
            _read_into(one, part)
        return joined.to(self._place)

    def _find(self, name: str) -> Stored:
        if name not in self._stored:
            raise ModelError(f"{self._folder}: the tensor {name!r} is missing")
        return self._stored[name]


def read_tensor(stored: Stored, dtype: torch.dtype) -> torch.Tensor:
    """Read a tensor to the CPU.

    Args:
        stored: Where it is.
        dtype: The type that it gets.

    Raises:
        ModelError: The file has become shorter.
    """
    found = torch.empty(stored.shape, dtype=dtype)
    _read_into(stored, found)
    return found


def _read_into(stored: Stored, target: torch.Tensor) -> None:
    """Read a tensor into one of its shape: contiguous, on the CPU, perhaps of another type."""
    dtype = DTYPES[stored.dtype]
    buffer = target if target.dtype == dtype else torch.empty(stored.shape, dtype=dtype)
    stored.read_into(memoryview(buffer.view(-1).view(torch.uint8).numpy()))
    if buffer is not target:
        target.copy_(buffer)
