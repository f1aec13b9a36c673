"""What a project's own code reads of a message, looked up in its source."""

from __future__ import annotations

import ast
import base64
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grps.cli.output.example import JSON_HEADER
from grps.config.schema import ModelConfig

FIELDS = ("str_data", "bin_data", "gmap", "gtensors")
"""The fields of ``GrpsMessage`` with data."""
MAP_VALUES: dict[str, Any] = {
    "s_s": "value",
    "s_b": base64.b64encode(b"value").decode(),
    "s_i32": 1,
    "s_i64": 1,
    "s_f": 1.0,
    "s_d": 1.0,
}
"""A value of each map of ``gmap``."""
ANSWERING = ("postprocess", "batch_postprocess")
"""Methods that write a response."""
WRITING = ("extend", "append", "update", "add", "insert", "CopyFrom", "MergeFrom")
"""Methods of fields that write."""


def message_data(project: Path, model: ModelConfig) -> str | None:
    """Return arguments of curl that send what a model's code reads; ``None`` for an array.

    Args:
        project: The project's folder.
        model: A model of it.
    """
    module, name = "customized_inferer", model.inferer_name
    if model.converter_type == "customized":
        module, name = "customized_converter", model.converter_name
    elif model.inferer_type != "customized":
        return None
    try:
        tree = ast.parse((project / "src" / f"{module}.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    for read in (_class_of(tree, name), tree):
        fields = _fields(read)
        if fields:
            return _data_of(fields[0], read)
    return None


def _class_of(tree: ast.Module, name: str | None) -> ast.AST:
    """Return the class that is registered by a name; an empty tree when it is not clear."""
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    made = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="register"), args=[ast.Constant(value=value), given, *_]
            ) if value == name:
                made_by = made.get(given.id) if isinstance(given, ast.Name) else given
                if isinstance(made_by, ast.Call) and isinstance(made_by.func, ast.Name):
                    return classes.get(made_by.func.id, ast.Module([], []))
    return ast.Module([], [])


def _fields(tree: ast.AST) -> list[str]:
    """Return the fields of messages that code reads, in the order of the source."""
    found = sorted(set(_read(tree)))
    return [field for _, field in found]


def _read(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name in ANSWERING:
                continue
            case (
                ast.Attribute(attr=str(field), ctx=ast.Load())
                | ast.Call(func=ast.Attribute(attr="HasField"), args=[ast.Constant(value=field)])
                | ast.Compare(comparators=[ast.Constant(value=str(field))])
            ) if field in FIELDS:
                yield node.lineno, field
            case ast.MatchValue(value=ast.Constant(value=str(field))) if field in FIELDS:
                yield node.lineno, field
        yield from _read(node)


def _data_of(field: str, tree: ast.AST) -> str | None:
    """Return arguments of curl that send a field; ``None`` for an array of float32."""
    if field == "bin_data":
        return "-H 'Content-Type: application/octet-stream' -d 'some bytes'"
    if field == "str_data":
        keys = _json_keys(tree)
        text = "some text" if keys is None else json.dumps(dict.fromkeys(keys, "some text"))
        return _json({"str_data": text})
    if field == "gmap":
        return _json({"gmap": _maps(tree) or {"s_s": {"key": "value"}}})
    return _tensor(tree)


def _json(message: dict[str, Any]) -> str:
    return f"{JSON_HEADER} -d {shlex.quote(json.dumps(message))}"


def _json_keys(tree: ast.AST) -> list[str] | None:
    """Return the keys that code reads of a text that is JSON; ``None`` when it is none."""
    calls = [ast.unparse(node.func) for node in _walk(tree) if isinstance(node, ast.Call)]
    if not any(call.endswith(("loads", "json.decode")) for call in calls):
        return None
    return list(dict.fromkeys(key for _, key in _keys(tree))) or ["key"]


def _maps(tree: ast.AST) -> dict[str, dict[str, Any]]:
    """Return the maps of ``gmap`` that code reads, with their keys."""
    found: dict[str, dict[str, Any]] = {}
    written = _written(tree)
    for node in _walk(tree):
        match node:
            case ast.Attribute(attr=name) if name in MAP_VALUES and id(node) not in written:
                found.setdefault(name, {})
    for where, key in _keys(tree):
        name = where.rpartition(".")[2]
        if name in found:
            found[name][key] = MAP_VALUES[name]
    return {name: keys or {"key": MAP_VALUES[name]} for name, keys in found.items()}


def _keys(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the keys that code looks up, each with the source of where it does."""
    for node in _walk(tree):
        match node:
            case (
                ast.Subscript(value=where, slice=ast.Constant(value=str(key)), ctx=ast.Load())
                | ast.Call(
                    func=ast.Attribute(value=where, attr="get"),
                    args=[ast.Constant(value=str(key)), *_],
                )
                | ast.Compare(
                    left=ast.Constant(value=str(key)),
                    ops=[ast.In() | ast.NotIn()],
                    comparators=[where],
                )
            ):
                yield ast.unparse(where), key


def _tensor(tree: ast.AST) -> str | None:
    """Return a tensor of the type that code reads; ``None`` for float32, which an array is."""
    written = _written(tree)
    fields = [
        (node.lineno, node.attr)
        for node in _walk(tree)
        if isinstance(node, ast.Attribute) and node.attr.startswith("flat_")
        if id(node) not in written
    ]
    if not fields or (name := min(fields)[1]) == "flat_float32":
        return None
    values: list[Any] = ["some text"] if name == "flat_string" else [1, 1]
    if name == "flat_bytes":
        values = [base64.b64encode(b"some bytes").decode()]
    dtype = f"DT_{name.removeprefix('flat_').upper()}"
    tensor = {"name": "x", "dtype": dtype, "shape": [1, len(values)], name: values}
    return _json({"gtensors": {"tensors": [tensor]}})


def _walk(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what is below a node, without the methods that write a response."""
    for node in ast.iter_child_nodes(tree):
        if not (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name in ANSWERING
        ):
            yield node
            yield from _walk(node)


def _written(tree: ast.AST) -> set[int]:
    """Return the identities of the nodes that code writes to: fields of a response."""
    found = set()
    for node in _walk(tree):
        match node:
            case ast.Subscript(value=target, ctx=ast.Store()):
                found.add(id(target))
            case ast.Call(func=ast.Attribute(value=target, attr=method)) if method in WRITING:
                found.add(id(target))
            case ast.Attribute(ctx=ast.Store()):
                found.add(id(node))
    return found
