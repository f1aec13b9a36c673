"""LoRA adapters in the form of PEFT: small changes of the weights that a sequence may ask for."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from grps.backends.common.language.json_files import read_json
from grps.backends.common.language.safetensors import Stored, tensors_of_file
from grps.backends.decoder.pytorch.architecture import Architecture
from grps.backends.decoder.pytorch.weights import DTYPES, read_tensor
from grps.errors import ModelError

_CONFIG, _WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_NAME = re.compile(
    r"base_model\.model\.model\.layers\.(\d{1,5})\.((?:self_attn|mlp)\.\w+)\.lora_([AB])\.weight"
)
_REFUSED = (
    "use_dora",
    "modules_to_save",
    "lora_bias",
    "fan_in_fan_out",
    "alpha_pattern",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "alora_invocation_tokens",
    "use_qalora",
    "arrow_config",
)
"""Keys that change what an adapter computes, and must not be set."""
_BEGINNINGS = (True, False, None, "gaussian", "eva", "orthogonal")
"""Values of ``init_lora_weights`` that leave the weights of the model as they are."""


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to some columns of what a linear layer returns."""

    down: torch.Tensor
    """``[rank, inputs]``."""
    up: torch.Tensor
    """``[columns, rank]``, scaled."""
    columns: slice

    def add(self, made: torch.Tensor, rows: torch.Tensor, at: torch.Tensor) -> None:
        """Add it to some rows of what a layer has made.

        Args:
            made: What it has made, ``[rows, outputs]``.
            rows: What it was made of, ``[rows, inputs]``.
            at: The numbers of the rows.
        """
        linear = torch.nn.functional.linear
        made[at, self.columns] += linear(linear(rows[at], self.down), self.up)


Adapter = Mapping[tuple[int, str], tuple[Change, ...]]
"""Changes by the number of the layer and the field of ``weights.Layer``."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a module of a model is among the matrices that were put together."""

    field: str
    columns: slice
    inputs: int


class AdapterReader:
    """Reads one adapter."""

    def __init__(self, folder: Path, architecture: Architecture) -> None:
        """Find the tensors of an adapter, without reading them.

        Args:
            folder: Its directory.
            architecture: That of the model.

        Raises:
            ModelError: A file is missing or wrong, or it is of a kind that is not supported.
        """
        self._path = folder / _WEIGHTS
        self._places = _places(architecture)
        config = _checked_config(folder / _CONFIG)
        self._rank = None if config.get("rank_pattern") else _count(folder, config, "r")
        self._alpha = _number(folder, config, "lora_alpha")
        self._by_root = bool(config.get("use_rslora"))
        pairs: dict[tuple[int, str], dict[str, Stored]] = {}
        stored = tensors_of_file(self._path)
        for name, one in stored.items():
            found = _NAME.fullmatch(name)
            if not found or found[2] not in self._places or int(found[1]) >= architecture.layers:
                raise self._fault(
                    f"tensor {name!r} is for no part of the model that an adapter may change: "
                    f"{', '.join(self._places)} of {architecture.layers} layers"
                )
            pairs.setdefault((int(found[1]), found[2]), {})[found[3]] = one
        if not pairs:
            raise self._fault("it has no tensors")
        self._pairs = {at: self._checked(at, pair) for at, pair in pairs.items()}
        self.elements = sum(math.prod(one.shape) for one in stored.values())
        """How many elements all tensors have."""

    def read(self, dtype: torch.dtype, place: torch.device) -> Adapter:
        """Read all tensors.

        Args:
            dtype: The type of the weights of the model.
            place: The device that they are on.

        Raises:
            ModelError: The file has changed.
        """
        adapter: dict[tuple[int, str], tuple[Change, ...]] = {}
        for (layer, module), (down, up) in self._pairs.items():
            to = self._places[module]
            rank = down.shape[0]
            scale = self._alpha / (math.sqrt(rank) if self._by_root else rank)
            wide = read_tensor(up, torch.float32) * scale
            change = Change(
                read_tensor(down, dtype).to(place), wide.to(dtype).to(place), to.columns
            )
            at = layer, to.field
            adapter[at] = (*adapter.get(at, ()), change)
        return adapter

    def _checked(self, at: tuple[int, str], pair: Mapping[str, Stored]) -> tuple[Stored, Stored]:
        """Return both matrices of a module after a check of their types and shapes."""
        layer, module = at
        if len(pair) != 2:
            raise self._fault(f"{module} of layer {layer} has only one of lora_A and lora_B")
        down, up = pair["A"], pair["B"]
        to = self._places[module]
        rank = self._rank or (down.shape[0] if down.shape else 0)
        shapes = (rank, to.inputs), (to.columns.stop - to.columns.start, rank)
        for one, shape in zip((down, up), shapes, strict=True):
            if one.dtype not in DTYPES:
                raise self._fault(f"type {one.dtype!r}; {', '.join(DTYPES)} are read")
            if one.shape != shape or not rank:
                raise self._fault(
                    f"{module} of layer {layer} is {list(one.shape)}; {list(shape)} goes with the "
                    "model"
                )
        return down, up

    def _fault(self, what: str) -> ModelError:
        return ModelError(f"{self._path}: {what}")


def _checked_config(path: Path) -> dict[str, Any]:
    """Read the configuration of an adapter and refuse what would be computed wrong."""
    config = read_json(path)
    if not config:
        raise ModelError(f"{path}: missing or empty; give the directory of an adapter of PEFT")
    kind = config.get("peft_type")
    if kind != "LORA":
        raise ModelError(f"{path}: peft_type is {kind!r}; 'LORA' is supported")
    for key in _REFUSED:
        if config.get(key):
            raise ModelError(f"{path}: {key} is {config[key]!r}, which is not supported")
    if config.get("bias", "none") not in ("none", None):
        raise ModelError(f"{path}: bias is {config['bias']!r}; 'none' is supported")
    begun = config.get("init_lora_weights")
    if begun not in _BEGINNINGS:
        raise ModelError(
            f"{path}: init_lora_weights is {begun!r}, which changes the weights of the model; "
            "convert the adapter when it is saved"
        )
    return config


def _places(sizes: Architecture) -> dict[str, _Place]:
    """Return the modules that an adapter may change."""
    queries, keys = sizes.heads * sizes.head_size, sizes.kv_heads * sizes.head_size
    hidden, inner = sizes.hidden, sizes.inner
    return {
        "self_attn.q_proj": _Place("qkv", slice(0, queries), hidden),
        "self_attn.k_proj": _Place("qkv", slice(queries, queries + keys), hidden),
        "self_attn.v_proj": _Place("qkv", slice(queries + keys, queries + 2 * keys), hidden),
        "self_attn.o_proj": _Place("output", slice(0, hidden), queries),
        "mlp.gate_proj": _Place("gate_up", slice(0, inner), hidden),
        "mlp.up_proj": _Place("gate_up", slice(inner, 2 * inner), hidden),
        "mlp.down_proj": _Place("down", slice(0, hidden), inner),
    }


def _count(folder: Path, config: Mapping[str, Any], key: str) -> int:
    value = config.get(key)
    if type(value) is not int or value < 1:
        raise ModelError(f"{folder / _CONFIG}: {key} is {value!r}, not a whole number above 0")
    return value


def _number(folder: Path, config: Mapping[str, Any], key: str) -> float:
    value = config.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ModelError(f"{folder / _CONFIG}: {key} is {value!r}, not a number")
    return float(value)
