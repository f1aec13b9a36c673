"""Write the schema of the configuration for its native reader; with ``--check`` only compare.

``grps/config/schema.py`` is the one source. Rust reads the same keys, types, defaults and allowed
values from the file that this writes.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import msgspec
from msgspec import inspect

from grps.config import routes
from grps.config.parts.capture import SECRET_HEADER_PARTS
from grps.config.parts.section import short_of
from grps.config.reader import expected_words
from grps.config.schema import InferenceConfig, KeysFile, ServerConfig
from grps.converters.names import NAMES
from tools.repository import ROOT, write_or_compare

TARGET = ROOT / "crates" / "grps-config" / "src" / "schema.json"
ROOTS = (InferenceConfig, ServerConfig, KeysFile)


def schema_text() -> str:
    """Return the schema as JSON text."""
    structs: dict[str, list[dict[str, Any]]] = {}
    for root in ROOTS:
        _describe_struct(inspect.type_info(root), structs)
    schema = {
        "structs": structs,
        "names": {
            "engines": NAMES.engines,
            "tensor_converters": NAMES.tensor_converters,
            "built_in_converters": NAMES.built_in_converters,
            "converter_paths": NAMES.converter_paths,
            "step_engines": NAMES.step_engines,
            "memory_managers": NAMES.memory_managers,
            "memory_collectors": NAMES.memory_collectors,
            "secret_header_parts": SECRET_HEADER_PARTS,
        },
        "own_paths": routes.OWN_PATHS,
        "optional_paths": routes.OPTIONAL_PATHS,
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _describe_struct(kind: inspect.Type, structs: dict[str, list[dict[str, Any]]]) -> str:
    """Add a structure and those below it; return its name."""
    assert isinstance(kind, inspect.StructType)
    name = kind.cls.__name__
    if name not in structs:
        structs[name] = []
        for field in kind.fields:
            described: dict[str, Any] = {"name": field.name, "required": field.required}
            if not field.required:
                default = field.default
                if default is msgspec.NODEFAULT:
                    default = field.default_factory()
                described["default"] = msgspec.to_builtins(default)
            members = field.type.types if isinstance(field.type, inspect.UnionType) else ()
            kinds = [_describe(member, structs) for member in members or (field.type,)]
            structs[name].append({**described, "kinds": kinds})
    return name


def _describe(kind: inspect.Type, structs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    if isinstance(kind, inspect.Metadata):
        values = tuple(sorted(NAMES.choices[(kind.extra or {})["names"]]))
        kind = inspect.LiteralType(values)
    if isinstance(kind, inspect.StructType):
        described = {"kind": "section", "struct": _describe_struct(kind, structs)}
        short = short_of(kind.cls)
        return described if short is None else {**described, "short": short}
    if isinstance(kind, inspect.VarTupleType):
        return {"kind": "list", "item": _describe(kind.item_type, structs)}
    if isinstance(kind, inspect.DictType):
        return {"kind": "map", "text": isinstance(kind.value_type, inspect.StrType)}
    if isinstance(kind, inspect.NoneType):
        return {"kind": "none"}
    return {**_describe_scalar(kind), "expected": expected_words(kind)}


def _describe_scalar(kind: inspect.Type) -> dict[str, Any]:
    if isinstance(kind, inspect.LiteralType):
        return {"kind": "choice", "values": kind.values}
    if isinstance(kind, inspect.StrType):
        pattern = None if kind.pattern is None else kind.pattern.replace(r"\Z", r"\z")
        return {"kind": "text", "pattern": pattern}
    if isinstance(kind, inspect.BoolType):
        return {"kind": "bool"}
    assert isinstance(kind, inspect.IntType | inspect.FloatType), kind
    number = "whole" if isinstance(kind, inspect.IntType) else "number"
    return {"kind": number, "least": kind.ge, "most": kind.le}


def main() -> int:
    """Write the file, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    return write_or_compare(TARGET, schema_text(), only_compare=arguments.check)


if __name__ == "__main__":
    sys.exit(main())
