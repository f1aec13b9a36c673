"""A curl line that calls a model."""

from __future__ import annotations

import http.client
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import yaml

from grps.backends.formats import reads_text
from grps.backends.table import ENGINES
from grps.converters.table import CONVERTERS
from grps.deploy.connection import connect
from grps.server.state import ServiceState

MAX_INLINE_VALUES = 16
MAX_VALUES = 50_000_000
GUESSED_SHAPE = (1, 2)
GUESSED_DTYPE = "float32"
PREDICT = "/grps/v1/infer/predict"
TIMEOUT_S = 2.0
CHAT = "/v1/chat/completions"
EMBEDDINGS, RERANK = "/v1/embeddings", "/v1/rerank"
METADATA = "/grps/v1/metadata/model"
JSON_HEADER = "-H 'Content-Type: application/json'"


@dataclass(frozen=True, slots=True)
class Example:
    """A request that can be pasted into a shell."""

    line: str
    exact: bool
    """False when some of it is guessed."""
    own_data: str = ""
    """Arguments of curl that send a file of the user's instead of the example's data."""
    guessed_because: str = ""
    """Why some of it is guessed."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an example request calls."""

    model: str
    data: str | None = None
    """Arguments of curl that send what the user's code is known to read."""
    configured: Mapping[str, Any] = field(default_factory=dict)
    """What the configuration says of it, for a service that tells nothing without a key."""


@dataclass(frozen=True, slots=True)
class _Input:
    name: str
    dtype: str
    shape: tuple[int, ...]
    exact: bool
    values: tuple[Any, ...]
    """One for all elements, or each."""

    @property
    def count(self) -> int:
        return prod(self.shape)

    @property
    def value(self) -> Any:
        return self.values[0]

    @property
    def flat(self) -> list[Any]:
        return list(self.values) if len(self.values) > 1 else [self.value] * self.count


def example_of(
    host: str,
    port: int,
    asked: Asked,
    *,
    named: bool = False,
    state: ServiceState | None = None,
) -> Example:
    """Return a curl command that calls a model, made from its metadata.

    Args:
        host: Where it is served.
        port: The HTTP port there.
        asked: The model.
        named: Whether the request has to name it.
        state: What the service says of itself, where it is one of the tool's.
    """
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    if state is not None and state.unix_socket:
        connection = connect(state, TIMEOUT_S)
    metadata = fetch_metadata(connection, asked.model) or asked.configured
    shown = make_example(metadata, host, port, asked.model if named else "", asked.data)
    if state is None or not state.tls:
        return shown
    # The certificate is for the names of clients, rarely for an address of this machine.
    line = shown.line.replace("curl ", "curl -k ", 1).replace("http://", "https://", 1)
    return replace(shown, line=line)


def make_example(
    metadata: Mapping[str, Any], host: str, port: int, model: str = "", data: str | None = None
) -> Example:
    """Return a curl command that calls a model.

    Args:
        metadata: The metadata of the model; its inputs and its converter are read.
        host: Where it is served.
        port: The HTTP port there.
        model: The model, where the request has to name it.
        data: Arguments of curl that send what the user's code is known to read.
    """
    server = f"http://{_host(host)}:{port}"
    if (asked := _of_language(server, metadata, model)) is not None:
        return asked
    url = _url(host, port, model)
    converter = CONVERTERS.get(str(metadata.get("converter_type")))
    if converter is not None and converter.example:
        source = f"{converter.sample} | " if converter.sample else ""
        sent = "--data-binary @-" if converter.sample else converter.example
        own = converter.example if converter.sample else ""
        return Example(f"{source}curl {sent} {url}", exact=True, own_data=own)
    form = _of_form(metadata.get("request"))
    if (known := data or form) is not None:
        exact = known == form or " -d @" in known or " -d '@" in known
        reason = "" if exact else "what your code reads is known only from its source"
        return Example(f"curl {known} {url}", exact, guessed_because=reason)
    found = metadata.get("inputs")
    given = found if isinstance(found, list) else []
    inputs = [_read(entry) for entry in given if not _is_optional(entry)]
    if found == [] and not metadata.get("open_ended"):
        body = shlex.quote(json.dumps({"gtensors": {"tensors": []}}))
        return Example(f"curl {JSON_HEADER} -d {body} {url}", exact=True)
    if not inputs or sum(one.count for one in inputs) > MAX_VALUES:
        inputs = [_Input("", GUESSED_DTYPE, GUESSED_SHAPE, exact=False, values=(1,))]
    reason = ""
    if metadata.get("example_fails"):
        reason = "the model refused all examples that were tried"
    elif not all(one.exact for one in inputs):
        reason = "the model does not report its types and shapes"
    several = any(len(one.values) > 1 for one in inputs)
    if several or sum(one.count for one in inputs) <= MAX_INLINE_VALUES:
        body = shlex.quote(json.dumps(_message(inputs)))
        return Example(f"curl {JSON_HEADER} -d {body} {url}", not reason, guessed_because=reason)
    code = shlex.quote(f"import json; print(json.dumps({_message_code(inputs)}))")
    line = f"python3 -c {code} | curl {JSON_HEADER} -d @- {url}"
    return Example(line, not reason, guessed_because=reason)


def _of_form(request: Any) -> str | None:
    """Return arguments of curl for a function that takes text, bytes or JSON."""
    if not isinstance(request, dict):
        return None
    return f"-d {shlex.quote(str(request.get('example', '')))}"


def fetch_metadata(connection: http.client.HTTPConnection, model: str) -> dict[str, Any] | None:
    """Return the metadata of a model; ``None`` when the server does not send it.

    Args:
        connection: To the service; it is closed.
        model: The model.
    """
    try:
        body = json.dumps({"str_data": model})
        connection.request("POST", METADATA, body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read(1 << 20))
        metadata = yaml.safe_load(answer["str_data"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, yaml.YAMLError):
        return None
    finally:
        connection.close()
    return metadata if isinstance(metadata, dict) else None


def _of_language(server: str, metadata: Mapping[str, Any], model: str) -> Example | None:
    """Return a request of the routes for language models; ``None`` for another model."""
    engine = ENGINES.get(str(metadata.get("inferer_type")))
    name = str(metadata.get("name") or model)
    if engine is not None and engine.makes_steps:
        return _chat(f"{server}{CHAT}", name)
    return _of_texts(server, name, metadata) if _reads_text(metadata) else None


def _chat(url: str, model: str) -> Example:
    message = {"role": "user", "content": "What is the capital of France?"}
    asked = {"model": model, "temperature": 0, "max_tokens": 64, "messages": [message]}
    body = shlex.quote(json.dumps(asked))
    return Example(f"curl {JSON_HEADER} -d {body} {url}", exact=True)


def _reads_text(metadata: Mapping[str, Any]) -> bool:
    """Return whether a model makes embeddings of texts, or ranks them."""
    path, converter = metadata.get("inferer_path"), metadata.get("converter_type")
    return isinstance(path, str) and converter == "numpy" and reads_text(Path(path))


def _of_texts(server: str, model: str, metadata: Mapping[str, Any]) -> Example:
    outputs = metadata.get("outputs")
    names = [one.get("name") for one in outputs] if isinstance(outputs, list) else []
    asked: dict[str, Any] = {"model": model, "input": ["A cat sleeps."]}
    path = EMBEDDINGS
    if "score" in names:
        asked = {"model": model, "query": "Who sleeps?", "documents": ["A cat sleeps."]}
        path = RERANK
    return Example(
        f"curl {JSON_HEADER} -d {shlex.quote(json.dumps(asked))} {server}{path}", exact=True
    )


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _url(host: str, port: int, model: str) -> str:
    url = f"http://{_host(host)}:{port}{PREDICT}"
    return shlex.quote(f"{url}?model={quote(model)}" if model else url)


def _is_optional(entry: Any) -> bool:
    return isinstance(entry, dict) and bool(entry.get("optional"))


def _read(entry: Any) -> _Input:
    """Read one input of the metadata; what is missing is guessed, dynamic sizes are 1."""
    tensor = entry if isinstance(entry, dict) else {}
    name, dtype, shape = tensor.get("name"), tensor.get("dtype"), tensor.get("shape")
    exact = isinstance(dtype, str) and isinstance(shape, list)
    dtype = dtype.lower().removeprefix("dt_") if isinstance(dtype, str) else GUESSED_DTYPE
    sizes = shape if isinstance(shape, list) else GUESSED_SHAPE
    filled = tuple(size if isinstance(size, int) and size > 0 else 1 for size in sizes)
    values: tuple[Any, ...] = ("text" if dtype == "string" else 1,)
    example = tensor.get("example")
    if isinstance(example, dict) and example.get("values"):
        filled, values = tuple(example["shape"]), tuple(example["values"])
    return _Input(str(name or ""), dtype, filled, exact, values)


def _message(inputs: list[_Input]) -> dict[str, Any]:
    if len(inputs) == 1:
        return {"ndarray": _nested(inputs[0])}
    tensors = [
        {
            "name": one.name,
            "dtype": f"DT_{one.dtype.upper()}",
            "shape": list(one.shape),
            f"flat_{one.dtype}": one.flat,
        }
        for one in inputs
    ]
    return {"gtensors": {"tensors": tensors}}


def _nested(one: _Input) -> Any:
    array: Any = one.value
    if len(one.values) > 1:
        return np.array(one.values, dtype=object).reshape(one.shape).tolist()
    for size in reversed(one.shape):
        array = [array] * size
    return array


def _message_code(inputs: list[_Input]) -> str:
    """Return a Python expression for a message that is too long to be written out."""
    if len(inputs) == 1:
        return f'{{"ndarray": {_nested_code(inputs[0])}}}'
    tensors = [
        f'{{"name": {json.dumps(one.name)}, "dtype": "DT_{one.dtype.upper()}", '
        f'"shape": {list(one.shape)}, "flat_{one.dtype}": {_list_code(one.value, one.count)}}}'
        for one in inputs
    ]
    return f'{{"gtensors": {{"tensors": [{", ".join(tensors)}]}}}}'


def _nested_code(one: _Input) -> str:
    code = json.dumps(one.value)
    for size in reversed(one.shape):
        code = f"[{code}]" if size == 1 else f"[{code}] * {size}"
    return code


def _list_code(value: Any, count: int) -> str:
    return f"[{json.dumps(value)}]" if count == 1 else f"[{json.dumps(value)}] * {count}"
