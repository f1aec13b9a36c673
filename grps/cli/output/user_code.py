"""What a project's own code reads of a message, looked up in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from grps.cli.output.example import JSON_HEADER
from grps.config.schema import ModelConfig

DATA: dict[str, str | None] = {
    "str_data": f"""{JSON_HEADER} -d '{{"str_data": "some text"}}'""",
    "bin_data": "-H 'Content-Type: application/octet-stream' -d 'some bytes'",
    "gmap": f"""{JSON_HEADER} -d '{{"gmap": {{"s_s": {{"key": "value"}}}}}}'""",
    "gtensors": None,
}
"""Arguments of curl by the field of ``GrpsMessage`` that code reads; ``None`` for an array."""
ANSWERING = ("postprocess", "batch_postprocess")
"""Methods that write a response."""


def message_data(project: Path, model: ModelConfig) -> str | None:
    """Return arguments of curl that send what a model's code reads; ``None`` for an array.

    Args:
        project: The project's folder.
        model: A model of it.
    """
    module, name = "customized_inferer", model.inferer_name
    if model.converter_type == "customized":
        module, name = "customized_converter", model.converter_name
    elif model.inferer_type == "torchserve":
        return DATA["bin_data"]
    elif model.inferer_type != "customized":
        return None
    try:
        tree = ast.parse((project / "src" / f"{module}.py").read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None
    fields = _fields(_class_of(tree, name)) or _fields(tree)
    return DATA[fields[0]] if fields else None


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
            case ast.Attribute(attr=field, ctx=ast.Load()) if field in DATA:
                yield node.lineno, field
            case ast.Call(func=ast.Attribute(attr="HasField"), args=[ast.Constant(value=field)]):
                if field in DATA:
                    yield node.lineno, field
        yield from _read(node)
