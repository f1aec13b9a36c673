"""Requests that models answer alike in Python and in native code."""

from __future__ import annotations

from typing import Any

import requests

from tests.support import RunningServer

WAYS = ("python", "native")
"""Prefixes of the names of models."""


def ask(server: RunningServer, model: str, tensors: list[dict[str, Any]]) -> Any:
    """Return the status and the outputs, or the error without the identifier of the request."""
    body = {"inputs": tensors}
    answer = requests.post(server.url(f"/v2/models/{model}/infer"), json=body, timeout=20)
    if answer.status_code == 200:
        return 200, answer.json()["outputs"]
    text = answer.json()["error"].split(" (request id ")[0]
    return answer.status_code, text.replace(model, "MODEL")


def tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}
