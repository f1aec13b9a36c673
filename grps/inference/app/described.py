"""What a file of models says of itself, as data: for ``inference.yml`` and for people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from grps.inference.app.declaration import Declared
from grps.inference.app.parameters import Parameter

_EXAMPLES: dict[Any, Any] = {
    "text": "some text",
    "bytes": "some bytes",
    "json": {"key": "value"},
    "number": 1,
}
_LIST_EXAMPLE = [1, 2]
_ANY_SHAPE = (1, 2)


def entry_of(declared: Declared, inferer_name: str) -> dict[str, Any]:
    """Return the lines of ``inference.yml`` of a model.

    Args:
        declared: The model.
        inferer_name: Its file and name: ``app.py:double``.
    """
    options = declared.options
    entry: dict[str, Any] = {
        "name": options.name,
        "version": options.version,
        "device": options.device,
        "inferer_type": "customized",
        "inferer_name": inferer_name,
        "converter_type": declared.converter_type,
        "converter_path": options.converter_path,
        "converter_args": dict(options.converter_args) or None,
        "batching": _batching(declared),
        "instances": options.instances,
        "isolation": options.isolation if options.isolation != "thread" else None,
    }
    return {key: value for key, value in entry.items() if value is not None}


def describe(declared: Declared, inferer_name: str) -> dict[str, Any]:
    """Return a model as data that JSON can hold."""
    document = (declared.target.__doc__ or "").strip().partition("\n")[0]
    request = request_of(declared)
    shown = [one for one in declared.parameters if one.kind not in ("context", "message")]
    return {
        "entry": entry_of(declared, inferer_name),
        "target": declared.target.__name__,
        "line": declared.line,
        "summary": document,
        "is_class": declared.is_class,
        "takes_tensors": declared.takes_tensors,
        "takes_lists": declared.takes_lists,
        "form": declared.form,
        "loads_on_device": declared.loads_on_device,
        "inputs": [_described(one) for one in shown],
        "output": None if declared.output is None else _described(declared.output),
        "request": None if request is None else asdict(request),
    }


@dataclass(frozen=True, slots=True)
class RequestForm:
    """What a request is for code that takes more than tensors."""

    form: Literal["text", "bytes", "json"]
    example: str


def request_of(declared: Declared) -> RequestForm | None:
    """Return what a request is for code that takes more than tensors.

    Returns:
        The form and an example; ``None`` when tensors are enough, or when the code reads messages
        itself.
    """
    filled = [one for one in declared.parameters if one.kind not in ("context", "message")]
    if declared.options.converter or declared.takes_tensors:
        return None
    if not declared.parameters:
        return RequestForm("json", "{}")
    if all(one.kind == "array" for one in filled):
        return None
    if len(filled) > 1:
        return RequestForm("json", json.dumps({one.name: _example(one) for one in filled}))
    only = filled[0]
    if only.kind in ("text", "bytes"):
        return RequestForm(only.kind, str(_EXAMPLES[only.kind]))
    return RequestForm("json", json.dumps(_example(only)))


def _example(parameter: Parameter) -> Any:
    if parameter.kind == "array":
        return _array_example(parameter)
    if parameter.type is list:
        return _LIST_EXAMPLE
    return True if parameter.type is bool else _EXAMPLES[parameter.kind]


def _array_example(parameter: Parameter) -> Any:
    example: Any = {"string": "some text", "bool": True}.get(parameter.dtype or "", 1)
    shape = _ANY_SHAPE if parameter.shape is None else parameter.shape
    for size in reversed(shape):
        example = [example] * (1 if size is None else size)
    return example


def _described(parameter: Parameter) -> dict[str, Any]:
    shape = parameter.shape
    return {
        "name": parameter.name,
        "kind": parameter.kind,
        "type": _type(parameter),
        "shape": None if shape is None else [-1 if size is None else size for size in shape],
        "optional": not parameter.required,
    }


def _type(parameter: Parameter) -> str | None:
    if parameter.kind == "array":
        return parameter.dtype
    if parameter.kind == "number":
        return str(parameter.type.__name__)
    return parameter.kind


def _batching(declared: Declared) -> dict[str, Any] | None:
    options = declared.options
    if options.max_batch_size is None:
        return None
    batching: dict[str, Any] = {"type": "dynamic", "max_batch_size": options.max_batch_size}
    if options.batch_timeout_us is not None:
        batching["batch_timeout_us"] = options.batch_timeout_us
    return batching
