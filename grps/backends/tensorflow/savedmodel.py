"""The contents of a SavedModel: its graphs by their tags, and the signatures of each."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2

from grps.backends.tensorflow.examples import Serialized, read_parsers
from grps.errors import ModelError

DEFAULT_SIGNATURE = "serving_default"
DEFAULT_TAG = "serve"
_INTERNAL = "__saved_model_"
"""Begin of the names of signatures that TensorFlow keeps for itself."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The graph and the signature that are served."""

    path: Path
    tags: tuple[str, ...]
    signature: str
    inputs: tuple[tuple[str, Any], ...]
    """Name and ``TensorInfo`` in the order of the arguments, or else of the alphabet."""
    outputs: tuple[tuple[str, Any], ...]
    """The same of the outputs, by name, where ``output_10`` follows ``output_9``."""
    serialized: Serialized | None = None
    """What it parses out of serialized ``tf.train.Example``; ``None`` if it has no parsers."""


def choose_signature(
    path: Path, tags: str | Iterable[str] | None = None, signature: str | None = None
) -> Chosen:
    """Find a signature in the SavedModel at ``path``.

    Args:
        path: The directory.
        tags: Tags of the graph, a list or one text parted by commas; ``None`` chooses.
        signature: Its name; ``None`` chooses.

    Raises:
        ModelError: The file is damaged, or has no such graph or signature.
    """
    graph = _graph_of(path, _read(path), _as_list(tags))
    found = {
        name: definition
        for name, definition in graph.signature_def.items()
        if not name.startswith(_INTERNAL)
    }
    name = _name_of(path, sorted(found), signature)
    inputs, outputs = dict(found[name].inputs), dict(found[name].outputs)
    order = _argument_order(graph, set(inputs)) or sorted(inputs, key=_natural)
    return Chosen(
        path=path,
        tags=tuple(graph.meta_info_def.tags),
        signature=name,
        inputs=tuple((key, inputs[key]) for key in order),
        outputs=tuple((key, outputs[key]) for key in sorted(outputs, key=_natural)),
        serialized=read_parsers(graph.graph_def),
    )


def graph_of(chosen: Chosen) -> Any:
    """Return the ``GraphDef`` of a signature that was found.

    Raises:
        ModelError: The file is no longer there, or damaged.
    """
    return _graph_of(chosen.path, _read(chosen.path), list(chosen.tags)).graph_def


def _read(path: Path) -> Any:
    model = saved_model_pb2.SavedModel()
    binary, text = path / "saved_model.pb", path / "saved_model.pbtxt"
    try:
        if binary.exists():
            model.ParseFromString(binary.read_bytes())
        else:
            text_format.Parse(text.read_text(encoding="utf-8"), model)
    except (DecodeError, text_format.ParseError, UnicodeDecodeError) as error:
        raise ModelError(
            f"{binary if binary.exists() else text}: damaged or cut short; copy the file again"
        ) from error
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error.strerror}") from error
    return model


def _as_list(tags: str | Iterable[str] | None) -> list[str]:
    parts = tags.split(",") if isinstance(tags, str) else tags or ()
    return [part.strip() for part in parts if part.strip()]


def _graph_of(path: Path, model: Any, tags: list[str]) -> Any:
    graphs = {frozenset(graph.meta_info_def.tags): graph for graph in model.meta_graphs}
    if not graphs:
        raise ModelError(f"{path}: the SavedModel holds no graph; copy the file again")
    if tags:
        found = graphs.get(frozenset(tags))
    elif len(graphs) == 1:
        (found,) = graphs.values()
    else:
        found = graphs.get(frozenset({DEFAULT_TAG}))
    if found is None:
        known = "; ".join(sorted(", ".join(sorted(group)) or "(none)" for group in graphs))
        wanted = f"no graph has the tags {', '.join(tags)}" if tags else "several graphs"
        raise ModelError(
            f"{path}: {wanted}; set tags in inferer_args to those of one graph: {known}"
        )
    return found


def _name_of(path: Path, names: list[str], wanted: str | None) -> str:
    if not names:
        raise ModelError(
            f"{path}: the SavedModel has no signature; save it with "
            "tf.saved_model.save(model, path, signatures=...)"
        )
    if wanted is None and len(names) == 1:
        return names[0]
    name = wanted or DEFAULT_SIGNATURE
    if name not in names:
        said = f"no signature is called {name!r}" if wanted else "several signatures"
        raise ModelError(
            f"{path}: {said}; set signature in inferer_args to one of: {', '.join(names)}"
        )
    return name


def _argument_order(graph: Any, names: set[str]) -> list[str] | None:
    """Return the one order in which the model's functions take inputs of these names.

    Signatures themselves have no order; the functions they were made from are stored beside them.
    """
    orders = set()
    for function in graph.object_graph_def.concrete_functions.values():
        groups = function.canonicalized_input_signature.tuple_value.values
        order = tuple(_tensor_names(groups[0])) if groups else ()
        if len(order) == len(names) and set(order) == names:
            orders.add(order)
    return list(orders.pop()) if len(orders) == 1 else None


def _tensor_names(value: Any) -> list[str]:
    """Return the names of the tensors in the structure of a function's arguments."""
    kind = value.WhichOneof("kind")
    if kind in ("tuple_value", "list_value"):
        parts = getattr(value, kind).values
        return [name for part in parts for name in _tensor_names(part)]
    return [value.tensor_spec_value.name] if kind == "tensor_spec_value" else []


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort numbers within names as numbers."""
    parts = re.findall(r"\d+|\D+", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
