"""JSON schemas that the engines of language models are known to compile.

What an engine can't compile it ignores, or it ends with the sequences of all other clients.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from grps.errors import InputError

_TYPES = frozenset({"object", "array", "string", "integer", "number", "boolean", "null"})
_NOTES = frozenset({"$schema", "title", "description", "default", "examples"})
"""Keywords that say nothing of the text."""
_COUNTS = (("minItems", "maxItems"), ("minLength", "maxLength"))
_MAX_COUNT = 128
_MAX_DEPTH = 32
_MAX_SCHEMA_BYTES = 64 << 10
_MAX_SCHEMAS = 256
_DEFINITIONS = "#/$defs/"
_DECIDING = frozenset({"$ref", "anyOf", "enum", "const"})
"""Keywords beside which no others are."""
_NAME = re.compile(r"[^\"\\/\x00-\x1f\x7f]{1,256}")
_NAMES = "an object whose names have no quotes, slashes and control characters"
_PLAIN = "texts without quotes, slashes and control characters, whole numbers, true, false and null"


def checked_schema(text: str) -> str:
    """Return a JSON schema after a check that the engine compiles it.

    Raises:
        InputError: It is no JSON schema, or one with more than the engine is known to compile.
    """
    if len(text.encode()) > _MAX_SCHEMA_BYTES:
        raise InputError(f"the JSON schema has more than {_MAX_SCHEMA_BYTES} bytes")
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the JSON schema is not JSON: {error}") from error
    _check(schema, schema.get("$defs") if isinstance(schema, dict) else None)
    return text


def _check(root: Any, definitions: Any) -> None:
    """Check a schema and all below it.

    Raises:
        InputError: The first that is wrong, by its path.
    """
    known = definitions if isinstance(definitions, dict) else {}
    open_ones = [("", root, 0)]
    checked = counted = 0
    while open_ones:
        checked += 1
        if checked > _MAX_SCHEMAS:
            raise InputError(f"JSON schema: more than {_MAX_SCHEMAS} schemas in it")
        at, schema, depth = open_ones.pop()
        fault = _fault(schema, known) if depth <= _MAX_DEPTH else f"more than {_MAX_DEPTH} levels"
        if fault is not None:
            raise InputError(f"JSON schema{' at ' + at if at else ''}: {fault}")
        counted += sum(schema.get(keyword, 0) for pair in _COUNTS for keyword in pair)
        if counted > _MAX_COUNT:
            raise InputError(f"JSON schema: its counts are more than {_MAX_COUNT} together")
        open_ones += [(f"{at}/{path}", one, depth + 1) for path, one in _below(schema)]


def _below(schema: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Return the schemas in a schema, whose own keywords are right, with their paths."""
    for keyword in ("properties", "$defs"):
        for name, one in schema.get(keyword, {}).items():
            yield f"{keyword}/{name}", one
    for number, one in enumerate(schema.get("anyOf", ())):
        yield f"anyOf/{number}", one
    for keyword in ("items", "additionalProperties"):
        if not isinstance(schema.get(keyword, True), bool):
            yield keyword, schema[keyword]


def _fault(schema: Any, definitions: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the keywords of one schema."""
    if not isinstance(schema, dict):
        return "a schema is an object"
    unknown = schema.keys() - _KEYWORDS.keys() - _NOTES
    if unknown:
        return f"the engine does not know {min(unknown)!r}"
    wrong = [key for key, (fits, _) in _KEYWORDS.items() if key in schema and not fits(schema[key])]
    if wrong:
        return f"{wrong[0]} must be {_KEYWORDS[wrong[0]][1]}"
    return _fault_together(schema, definitions)


def _fault_together(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str | None:
    """Return why keywords, each of which is right, do not go together."""
    said = schema.keys() - _NOTES - {"$defs"}
    deciding = said & _DECIDING
    if len(deciding) > 1 or (deciding and said - deciding - {"type"}):
        return f"{min(deciding)} must be alone"
    properties = schema.get("properties", {})
    missing = [name for name in schema.get("required", ()) if name not in properties]
    faults = {
        f"required names {missing[:1]}, which is no property": bool(missing),
        "$ref leads to none of $defs": "$ref" in schema
        and schema["$ref"].removeprefix(_DEFINITIONS) not in definitions,
        "minItems and maxItems need items": not said.isdisjoint(_COUNTS[0]) and "items" not in said,
        **{
            f"{least} is over {most}": schema.get(least, 0) > schema.get(most, _MAX_COUNT)
            for least, most in _COUNTS
        },
    }
    return next((fault for fault, holds in faults.items() if holds), None)


def _is_type(value: Any) -> bool:
    kinds = value if isinstance(value, list) else [value]
    return bool(kinds) and all(isinstance(kind, str) and kind in _TYPES for kind in kinds)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MAX_COUNT


def _is_list(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_named(value: Any) -> bool:
    """Return whether it is an object whose names the engine can write."""
    return isinstance(value, dict) and all(map(_NAME.fullmatch, value))


def _is_plain(value: Any) -> bool:
    """Return whether it is a value without others in it, which the engine can write."""
    if isinstance(value, str):
        return _NAME.fullmatch(value) is not None
    return value is None or isinstance(value, (bool, int))


_COUNT = (_is_count, f"a number from 0 to {_MAX_COUNT}")
_KEYWORDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "type": (_is_type, f"some of {', '.join(sorted(_TYPES))}"),
    "properties": (_is_named, _NAMES),
    "$defs": (_is_named, _NAMES),
    "required": (_is_texts, "a list of names"),
    "additionalProperties": (lambda value: isinstance(value, (bool, dict)), "a schema or a bool"),
    "items": (_is_object, "a schema"),
    "anyOf": (_is_list, "a list of schemas"),
    "enum": (lambda value: _is_list(value) and all(map(_is_plain, value)), f"a list of {_PLAIN}"),
    "const": (_is_plain, f"one of {_PLAIN}"),
    "$ref": (lambda value: isinstance(value, str), "a text"),
    "minItems": _COUNT,
    "maxItems": _COUNT,
    "minLength": _COUNT,
    "maxLength": _COUNT,
}
"""The keywords that the engine compiles: which values fit, in code and in words."""
