"""A curl line that calls the model which was just put online."""

from __future__ import annotations

import http.client
import json
import shlex
from math import prod
from typing import Any

import yaml

MAX_INLINE_VALUES = 32
MAX_VALUES = 50_000_000
PREDICT = "/grps/v1/infer/predict"
METADATA = "/grps/v1/metadata/model"
JSON_HEADER = "-H 'Content-Type: application/json'"


def curl_line(host: str, port: int, model: str) -> str:
    """Return a curl command for ``model``: exact if the server tells its inputs, else generic."""
    inputs = fetch_inputs(host, port, model)
    tensors = _tensors(inputs) if inputs else None
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}{PREDICT}"
    if tensors is None:
        body = shlex.quote(json.dumps({"ndarray": [[1.0, 2.0]]}))
        return f"curl {JSON_HEADER} -d {body} {shlex.quote(url + '?return-ndarray=true')}"
    if sum(count for _, _, count in tensors) <= MAX_INLINE_VALUES:
        full = [{**head, key: [_filler(key)] * count} for head, key, count in tensors]
        body = shlex.quote(json.dumps({"gtensors": {"tensors": full}}))
        return f"curl {JSON_HEADER} -d {body} {url}"
    parts = [f"dict({head!r}, {key}=[{_filler(key)!r}]*{count})" for head, key, count in tensors]
    body = f"{{'gtensors': {{'tensors': [{', '.join(parts)}]}}}}"
    code = shlex.quote(f"import json; print(json.dumps({body}))")
    return f"python3 -c {code} | curl {JSON_HEADER} -d @- {url}"


def fetch_inputs(host: str, port: int, model: str, timeout_s: float = 2.0) -> list[Any] | None:
    """Ask the server for the inputs of a model; ``None`` when it does not tell."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        body = json.dumps({"str_data": model})
        connection.request("POST", METADATA, body, {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read(1 << 20))
        metadata = yaml.safe_load(answer["str_data"])
        inputs = metadata["inputs"]
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError, yaml.YAMLError):
        return None
    finally:
        connection.close()
    return inputs if isinstance(inputs, list) and inputs else None


def _tensors(inputs: list[Any]) -> list[tuple[dict[str, Any], str, int]] | None:
    """Return name/dtype/shape, value field and number of values of each input."""
    tensors = []
    for entry in inputs:
        try:
            if entry.get("optional"):
                continue
            name, dtype, shape = str(entry["name"]), str(entry["dtype"]).lower(), entry["shape"]
            sizes = [size if isinstance(size, int) and size > 0 else 1 for size in shape]
        except (AttributeError, LookupError, TypeError):
            return None
        dtype = dtype.removeprefix("dt_")
        if dtype == "none" or not dtype.isidentifier() or prod(sizes) > MAX_VALUES:
            return None
        head = {"name": name, "dtype": f"DT_{dtype.upper()}", "shape": sizes}
        tensors.append((head, f"flat_{dtype}", prod(sizes)))
    return tensors or None


def _filler(key: str) -> Any:
    if key == "flat_string":
        return "text"
    return 1.0 if "float" in key else 1
