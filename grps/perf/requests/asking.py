"""What is asked of a server before a load test: its models, and their inputs."""

from __future__ import annotations

from typing import Any

import httpx

from grps.client import CallError, Client, Tls
from grps.client.settings import PROTOCOLS
from grps.perf.errors import PerfError
from grps.perf.requests.forms import authorization
from grps.perf.requests.openai import chat_path
from grps.perf.requests.signature import Input, read_inputs
from grps.perf.target import Target

_TIMEOUT_S = 10.0
_UNAUTHORIZED = (401, 403)


def choose_model(protocol: str, target: Target, model: str | None) -> str:
    """Return the model of a load test: the named one, or the only one of the server.

    Raises:
        PerfError: It is not clear which one is meant.
    """
    if model is not None or (target.path and protocol != "openai"):
        return model or ""
    return find_model(protocol, target)


def ask_inputs(protocol: str, target: Target, model: str) -> tuple[Input, ...]:
    """Return the inputs of a model; none if it does not name them.

    Raises:
        PerfError: The server can't be asked, or has no such model.
    """
    return read_inputs(describe(protocol, target, model))


def describe(protocol: str, target: Target, model: str) -> dict[str, Any]:
    """Return what a server says about a model; nothing about the default graph or a URL's path.

    Raises:
        PerfError: The server can't be asked, or has no such model.
    """
    if not model or target.path or protocol not in PROTOCOLS:
        return {}
    tls = Tls(ca=target.ca) if target.tls else None
    try:
        with Client(
            target.address, protocol, key=target.key, tls=tls, timeout=_TIMEOUT_S
        ) as client:
            return client.metadata(model)
    except CallError as error:
        raise PerfError(f"{error.code or target.address}: {error.message}") from error


def find_model(protocol: str, target: Target) -> str:
    """Return the name of the only model of a server; empty if the server does not list them.

    Raises:
        PerfError: There are several, the server can't be reached, or it refuses the key.
    """
    if protocol == "openai":
        path = chat_path(target).removesuffix("/completions").removesuffix("/chat")
        names = [one.get("id") for one in _listed(target, "GET", f"{path}/models", "data")]
    else:
        listed = _listed(target, "POST", "/v2/repository/index", None)
        names = [one.get("name") for one in listed if one.get("state", "READY") == "READY"]
    found = sorted({str(name) for name in names if name})
    if len(found) > 1:
        raise PerfError(f"the server has several models: {', '.join(found)}; say which by --model")
    return found[0] if found else ""


def _listed(target: Target, method: str, path: str, within: str | None) -> list[dict[str, Any]]:
    scheme = "https" if target.tls else "http"
    url = f"{scheme}://{target.address}{path}"
    verify: Any = Tls(ca=target.ca).context() if target.tls else True
    headers = dict(authorization(target.key))
    try:
        response = httpx.request(
            method, url, headers=headers, timeout=_TIMEOUT_S, verify=verify, trust_env=False
        )
    except httpx.HTTPError as error:
        raise PerfError(f"{target.address}: there is no connection: {error}") from error
    if response.status_code in _UNAUTHORIZED:
        raise PerfError(f"{response.status_code}: the server asks for a key; give it by --key_file")
    if response.status_code >= 300:
        return []
    try:
        found = response.json()
    except ValueError:
        return []
    entries = found.get(within) if within and isinstance(found, dict) else found
    return [one for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
