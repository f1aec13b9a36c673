"""Examples for models that take serialized ``tf.train.Example`` and parse it themselves.

What they parse is not part of a signature; it stands in the parsing operators of the graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from tensorflow.core.example import example_pb2

from grps.backends.tensorflow.runtime import tf

_FILLS: tuple[tuple[float, int, bytes], ...] = ((1.0, 1, b"text"), (0.0, 0, b""))
"""What features are filled with, by their type: numbers, whole numbers, texts."""
_MOST_SHOWN = 20
"""Most features that are named in words."""
_MOST_VALUES = 1_000_000
"""Most values of a feature."""


@dataclass(frozen=True, slots=True)
class _Feature:
    """A feature that a model reads."""

    dtype: Any
    count: int = 1
    """How many values it has."""


@dataclass(frozen=True, slots=True)
class Serialized:
    """What a model parses out of serialized examples."""

    examples: tuple[bytes, ...]
    """Examples that it may take, the likeliest first."""
    words: str
    """Its features with their types, in words."""


def read_parsers(graph: Any) -> Serialized | None:
    """Return what the parsing operators of a graph take; ``None`` if there are no operators.

    Args:
        graph: A ``GraphDef``, with the functions of the model in its library.
    """
    groups = [graph.node, *(function.node_def for function in graph.library.function)]
    parsers = [found for nodes in groups for found in _parsers_of(nodes)]
    # A graph may hold the parsers of other signatures: unknown features are ignored.
    together: dict[bytes, _Feature] = {}
    for features in parsers:
        together.update(features)
    if not together:
        return None
    wanted = [together, *parsers] if len(parsers) > 1 else parsers
    made = (_serialized(features, fill) for features in wanted for fill in _FILLS)
    return Serialized(tuple(dict.fromkeys(made)), _words(together))


def _parsers_of(nodes: Sequence[Any]) -> Iterator[dict[bytes, _Feature]]:
    """Yield the features of each parsing operator of a graph or a function."""
    by_name = {node.name: node for node in nodes}

    def strings(source: str) -> list[bytes]:
        node = by_name.get(source.partition(":")[0].lstrip("^"))
        if node is None or node.op != "Const":
            return []
        return [bytes(key) for key in tf.make_ndarray(node.attr["value"].tensor).ravel()]

    for node in nodes:
        if node.op == "ParseExampleV2":
            sparse, dense, ragged = (strings(source) for source in node.input[2:5])
        elif node.op == "ParseExample":
            count = node.attr["Nsparse"].i
            end = 2 + count + node.attr["Ndense"].i
            sparse = [key for source in node.input[2 : 2 + count] for key in strings(source)]
            dense = [key for source in node.input[2 + count : end] for key in strings(source)]
            ragged = []
        elif node.op == "ParseSingleExample":
            sparse, dense = (
                list(node.attr["sparse_keys"].list.s),
                list(node.attr["dense_keys"].list.s),
            )
            ragged = []
        else:
            continue
        yield _features(node.attr, sparse, dense, ragged)


def _features(
    attributes: Mapping[str, Any],
    sparse: Sequence[bytes],
    dense: Sequence[bytes],
    ragged: Sequence[bytes],
) -> dict[bytes, _Feature]:
    found = {}
    kinds = ((sparse, "sparse_types"), (ragged, "ragged_value_types"))
    for keys, name in kinds:
        for key, dtype in zip(keys, attributes[name].list.type if keys else (), strict=False):
            found[key] = _Feature(tf.as_dtype(dtype))
    types, shapes = attributes["Tdense"].list.type, attributes["dense_shapes"].list.shape
    for key, dtype, shape in zip(dense, types, shapes, strict=False):
        count = prod(abs(dim.size) for dim in shape.dim)
        found[key] = _Feature(tf.as_dtype(dtype), min(count, _MOST_VALUES))
    return found


def _serialized(features: Mapping[bytes, _Feature], fill: tuple[float, int, bytes]) -> bytes:
    example = example_pb2.Example()
    number, whole, text = fill
    for key, feature in sorted(features.items()):
        made = example.features.feature[key.decode("utf-8", "replace")]
        if feature.dtype == tf.string:
            made.bytes_list.value.extend([text] * feature.count)
        elif feature.dtype == tf.int64:
            made.int64_list.value.extend([whole] * feature.count)
        else:
            made.float_list.value.extend([number] * feature.count)
    return bytes(example.SerializeToString(deterministic=True))


def _words(features: Mapping[bytes, _Feature]) -> str:
    parts = [
        f"{key.decode('utf-8', 'replace')} ({feature.dtype.name}"
        + (f", {feature.count} values)" if feature.count > 1 else ")")
        for key, feature in sorted(features.items())
    ]
    more = f" and {len(parts) - _MOST_SHOWN} more" if len(parts) > _MOST_SHOWN else ""
    return ", ".join(parts[:_MOST_SHOWN]) + more
