"""What ``config.json`` says of a decoder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grps.errors import ModelError

ARCHITECTURES = (
    "LlamaForCausalLM",
    "MistralForCausalLM",
    "Qwen2ForCausalLM",
    "Qwen3ForCausalLM",
)
"""The architectures that are known, as ``config.json`` names them."""
_ROTATIONS = ("default", "linear", "llama3")
_MAX_SIZE = 1 << 24
_MAX_LAYERS = 1024


@dataclass(frozen=True, slots=True)
class Rotation:
    """How positions turn queries and keys."""

    theta: float
    kind: str = "default"
    factor: float = 1.0
    low: float = 1.0
    """``low_freq_factor`` of ``llama3``."""
    high: float = 4.0
    """``high_freq_factor`` of ``llama3``."""
    trained_length: int = 8192
    """``original_max_position_embeddings`` of ``llama3``."""

    def frequencies(self, head_size: int) -> list[float]:
        """Return by how much each pair of elements turns per position."""
        plain = [self.theta ** (-2 * pair / head_size) for pair in range(head_size // 2)]
        if self.kind == "linear":
            return [one / self.factor for one in plain]
        return [self._llama3(one) for one in plain] if self.kind == "llama3" else plain

    def _llama3(self, frequency: float) -> float:
        """Slow down what turns slowly, leave what turns fast, and blend between them."""
        turns = self.trained_length * frequency / (2 * math.pi)
        share = min(1.0, max(0.0, (turns - self.low) / (self.high - self.low)))
        return (1 - share) * frequency / self.factor + share * frequency


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The sizes and the variants of a decoder."""

    vocabulary: int
    hidden: int
    inner: int
    """Size of the hidden layer of each feed-forward network."""
    layers: int
    heads: int
    kv_heads: int
    """Heads of keys and values, each of which several heads of queries share."""
    head_size: int
    epsilon: float
    """Added under the root of each normalization."""
    context_length: int
    rotation: Rotation
    tied: bool
    """The embedding of tokens gives the logits too."""
    qkv_bias: bool
    output_bias: bool
    inner_bias: bool
    head_norms: bool
    """Queries and keys are normalized per head."""
    dtype: str | None
    """The type of the weights, if it is said."""

    @property
    def position_elements(self) -> int:
        """Return how many elements the keys and values of one position have."""
        return 2 * self.layers * self.kv_heads * self.head_size


class _Fields:
    """The values of a ``config.json``, each with a check."""

    def __init__(self, path: Path, values: Mapping[str, Any]) -> None:
        self._path = path
        self.values = values

    def fault(self, what: str) -> ModelError:
        return ModelError(f"{self._path}: {what}")

    def count(self, name: str, default: int | None = None, most: int = _MAX_SIZE) -> int:
        value = self.values.get(name)
        value = default if value is None else value
        if type(value) is not int or not 1 <= value <= most:
            raise self.fault(f"{name} is {value!r}, not a whole number from 1 to {most}")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self.values.get(name)
        value = default if value is None else value
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.fault(f"{name} is {value!r}, not a number")
        if not 0 < value < math.inf:
            raise self.fault(f"{name} is {value!r}, not a number above 0")
        return float(value)

    def flag(self, name: str) -> bool:
        return self.values.get(name) is True


def read_architecture(folder: Path) -> Architecture:
    """Read the ``config.json`` of a model.

    Args:
        folder: The directory of the model.

    Raises:
        ModelError: It is missing or wrong, or describes a model that is not supported.
    """
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: can't be read: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path}: not a JSON object")
    fields = _Fields(path, values)
    name = _name(fields)
    hidden, heads = fields.count("hidden_size"), fields.count("num_attention_heads")
    kv_heads = fields.count("num_key_value_heads", heads)
    head_size = fields.count("head_dim", hidden // heads)
    if heads % kv_heads or head_size % 2:
        raise fields.fault(f"{heads} heads, {kv_heads} of keys and values, of size {head_size}")
    biased = fields.flag("attention_bias")
    dtype = values.get("dtype", values.get("torch_dtype"))
    return Architecture(
        vocabulary=fields.count("vocab_size"),
        hidden=hidden,
        inner=fields.count("intermediate_size"),
        layers=fields.count("num_hidden_layers", most=_MAX_LAYERS),
        heads=heads,
        kv_heads=kv_heads,
        head_size=head_size,
        epsilon=fields.number("rms_norm_eps", 1e-6),
        context_length=_context_length(fields, name),
        rotation=_rotation(fields),
        tied=fields.flag("tie_word_embeddings"),
        qkv_bias=biased or name == "Qwen2ForCausalLM",
        output_bias=biased and name != "Qwen2ForCausalLM",
        inner_bias=fields.flag("mlp_bias"),
        head_norms=name == "Qwen3ForCausalLM",
        dtype=dtype if isinstance(dtype, str) else None,
    )


def _name(fields: _Fields) -> str:
    """Return the architecture after a check that it is a known one, in a known form."""
    named = fields.values.get("architectures")
    name = named[0] if isinstance(named, list) and named else None
    if name not in ARCHITECTURES:
        raise fields.fault(
            f"the architecture is {name!r}; supported: {', '.join(ARCHITECTURES)}. Others run as "
            "GGUF or OpenVINO files (grpst llm_serve), where their engine supports them"
        )
    if fields.values.get("quantization_config") is not None:
        raise fields.fault("the model is quantized, which is not supported; use its GGUF file")
    activation = fields.values.get("hidden_act", "silu")
    if activation != "silu":
        raise fields.fault(f"hidden_act is {activation!r}; 'silu' is supported")
    return str(name)


def _context_length(fields: _Fields, name: str) -> int:
    """Return most positions. Attention has no window, so a longer context than that is cut."""
    length = fields.count("max_position_embeddings", most=1 << 30)
    windowed = name == "MistralForCausalLM" or fields.flag("use_sliding_window")
    if windowed and fields.values.get("sliding_window") is not None:
        return min(length, fields.count("sliding_window", most=1 << 30))
    return length


def _rotation(fields: _Fields) -> Rotation:
    """Read ``rope_parameters``, or ``rope_scaling`` and ``rope_theta`` of older files."""
    given = fields.values.get("rope_parameters") or fields.values.get("rope_scaling") or {}
    if not isinstance(given, dict):
        raise fields.fault("rope_parameters is not an object")
    own = _Fields(fields._path, given)
    theta = own.number("rope_theta", fields.number("rope_theta", 10_000.0))
    if given.get("partial_rotary_factor", fields.values.get("partial_rotary_factor", 1)) != 1:
        raise fields.fault("partial_rotary_factor is not 1, which is not supported")
    kind = given.get("rope_type", given.get("type", "default"))
    if kind not in _ROTATIONS:
        raise fields.fault(f"rope_type is {kind!r}; supported: {', '.join(_ROTATIONS)}")
    if kind == "default":
        return Rotation(theta)
    factor = own.number("factor")
    if kind == "linear":
        return Rotation(theta, kind, factor)
    low, high = own.number("low_freq_factor"), own.number("high_freq_factor")
    if low >= high:
        raise fields.fault("low_freq_factor is not below high_freq_factor")
    trained = own.count("original_max_position_embeddings", most=1 << 30)
    return Rotation(theta, kind, factor, low, high, trained)
