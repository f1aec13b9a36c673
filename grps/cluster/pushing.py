"""Gives a service the table of endpoints of a service that it uses."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

import msgspec

from grps.cluster.description import Front
from grps.deploy.connection import connect
from grps.errors import DeployError
from grps.server.state import ServiceState

SERVICES = "/grps/v1/admin/services"
TIMEOUT_S = 2.0
MOST_BYTES = 1 << 20
Connect = Callable[[], http.client.HTTPConnection]


class _Known(msgspec.Struct):
    name: str
    generation: int = 0


class _Services(msgspec.Struct):
    services: list[_Known]


def encode_table(generation: int, addresses: tuple[str, ...]) -> bytes:
    """Return the body of a push."""
    endpoints = [{"address": one} for one in addresses]
    return msgspec.json.encode({"generation": generation, "endpoints": endpoints})


def push_to_service(state: ServiceState, service: str, table: bytes) -> int:
    """Push a table to a service of this machine, which takes it from the loopback.

    Returns:
        The generation that the service has then: that of the table, or a newer one.

    Raises:
        DeployError: It can't be reached or refuses.
    """
    if not state.ports:
        raise DeployError("it does not listen yet")
    return _push(lambda: connect(state, TIMEOUT_S), "", {"Host": "localhost"}, service, table)


def push_to_front(front: Front, service: str, table: bytes) -> int:
    """Push a table to a service at a URL; see ``push_to_service``."""
    parts = urlsplit(front.url)
    headers = {}
    if front.token_file is not None:
        try:
            headers["Authorization"] = f"Bearer {Path(front.token_file).read_text().strip()}"
        except (OSError, ValueError) as error:
            raise DeployError(f"{front.token_file}: can't be read: {error}") from error

    def open_connection() -> http.client.HTTPConnection:
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)

    return _push(open_connection, parts.path.rstrip("/"), headers, service, table)


def _push(
    open_connection: Connect, root: str, headers: Mapping[str, str], service: str, table: bytes
) -> int:
    path = f"{root}{SERVICES}/{quote(service, safe='')}/endpoints"
    status, body = _call(open_connection, "PUT", path, headers, table)
    if status == http.client.OK:
        return _generation_of(table)
    if status == http.client.CONFLICT:
        _, listed = _call(open_connection, "GET", f"{root}{SERVICES}", headers)
        try:
            known = msgspec.json.decode(listed, type=_Services).services
        except msgspec.MsgspecError:
            known = []
        return next((one.generation for one in known if one.name == service), 0)
    if status == http.client.NOT_FOUND:
        raise DeployError(f"it has no service {service!r} in inference.yml")
    raise DeployError(f"it returned status {status}{_reason(body)}")


def _call(
    open_connection: Connect,
    method: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> tuple[int, bytes]:
    try:
        connection = open_connection()
        try:
            sent = {**headers, "Content-Type": "application/json"} if body else dict(headers)
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return response.status, response.read(MOST_BYTES)
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DeployError(f"it can't be reached: {error}") from error


def _generation_of(table: bytes) -> int:
    return int(msgspec.json.decode(table)["generation"])


def _reason(body: bytes) -> str:
    try:
        return f": {msgspec.json.decode(body)['status']['msg']}"
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""
