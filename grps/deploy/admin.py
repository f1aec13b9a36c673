"""Asking a running service about its models and its latest minute."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from grps.deploy.connection import connect
from grps.deploy.supervision.services import Service, find, running_names
from grps.errors import AccessError, DeployError
from grps.server.state import is_suspended

TOKEN_VARIABLE = "GRPS_ADMIN_TOKEN"
MODELS = "/grps/v1/admin/models"
TRAFFIC = "/grps/v1/admin/traffic"
READY = "/grps/v1/health/ready"
OFFLINE = "Service Unavailable"
"""The reason that ``ready`` has after a call of ``offline``."""
_REFUSED = frozenset({http.client.UNAUTHORIZED, http.client.FORBIDDEN})


class UnreachableError(DeployError):
    """A service does not answer."""


def running_service(name: str | None) -> Service:
    """Return a service that runs: the one called ``name``, or the only one there is.

    Raises:
        DeployError: It does not run, or it is not clear which one is meant.
    """
    if name is None:
        names = running_names()
        if len(names) != 1:
            text = f"several services run: {', '.join(names)}" if names else "no service is running"
            raise DeployError(f"{text}; say which with --service NAME")
        name = names[0]
    service = find(name)
    if not service.running:
        raise DeployError(f"service {name!r} does not run ({service.status})")
    return service


def list_models(service: Service, timeout_s: float | None = None) -> list[dict[str, Any]]:
    """Return what a service reports about its models.

    Args:
        service: The service.
        timeout_s: Longest wait; ``None`` for no limit.

    Raises:
        DeployError: It can't be reached.
    """
    reply = admin_call(service, "GET", MODELS, timeout_s)
    return list(reply["models"])


def read_status(service: Service, timeout_s: float) -> tuple[str, str]:
    """Return the status of a service as its clients see it, and what is wrong if anything is.

    Args:
        service: The service.
        timeout_s: Longest wait for a service that says that it is ready.

    Returns:
        ``ready``, ``offline``, ``unready``, ``unresponsive``, or else the phase of its process.
    """
    if not service.running or service.state is None or service.status != "ready":
        return service.status, service.cause or ""
    if is_suspended(service.state):
        return (
            "unresponsive",
            f"its process is suspended; continue it: kill -CONT {service.state.pid}",
        )
    try:
        admin_call(service, "GET", READY, timeout_s)
    except UnreachableError as error:
        return "unresponsive", str(error)
    except DeployError as error:
        if str(error) == OFFLINE:
            return "offline", "a client has called offline"
        return "unready", str(error)
    return "ready", ""


def change_model(service: Service, action: str, model: str) -> dict[str, Any]:
    """Let a service load, unload or reload a model; wait until it has.

    Raises:
        DeployError: It could not; the text is the service's one-line cause.
    """
    return admin_call(service, "POST", f"{MODELS}/{model}/{action}")


def read_traffic(service: Service) -> list[dict[str, Any]]:
    """Return how a service divides requests among the versions of its models.

    Raises:
        DeployError: It can't be reached.
    """
    return list(admin_call(service, "GET", TRAFFIC)["traffic"])


def change_traffic(
    service: Service, action: str, model: str, weights: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Let a service change how requests for a model are divided.

    Args:
        service: The service.
        action: ``set``, ``promote``, ``rollback``, ``pause`` or ``resume``.
        model: The model, without a version.
        weights: Versions and their weights, for ``set``.

    Returns:
        The state after it.

    Raises:
        DeployError: It could not; the text is the service's one-line cause.
    """
    body = None if weights is None else msgspec.json.encode({"weights": weights})
    return admin_call(service, "POST", f"{TRAFFIC}/{model}/{action}", body=body)


def set_log_level(service: Service, level: str) -> dict[str, Any]:
    """Let a service write log lines of a level and those above from here on.

    Returns:
        The ``level`` and the one ``before``.

    Raises:
        DeployError: It can't be reached, or refuses.
    """
    return admin_call(service, "POST", f"/grps/v1/admin/log-level?level={level}")


def read_live(service: Service, timeout_s: float) -> dict[str, Any]:
    """Return what a service reports about its latest minute.

    Raises:
        DeployError: It can't be reached.
    """
    return admin_call(service, "GET", "/grps/v1/monitor/live", timeout_s)


def admin_call(
    service: Service,
    method: str,
    path: str,
    timeout_s: float | None = None,
    body: bytes | None = None,
) -> dict[str, Any]:
    """Call a route of a service and return the object that it returns.

    Raises:
        DeployError: It can't be reached, or refuses; the text is its one-line cause.
    """
    connection, headers = admin_connection(service, timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers)
        response = connection.getresponse()
        received = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(service, error) from error
    finally:
        connection.close()
    return reply_of(response.status, received, path)


def admin_connection(
    service: Service, timeout_s: float | None = None
) -> tuple[http.client.HTTPConnection, dict[str, str]]:
    """Return a connection to a service and the headers of its admin calls.

    Raises:
        DeployError: It does not listen yet.
    """
    state = service.state
    if state is None or not state.ports:
        raise DeployError(f"service {service.name!r} does not listen yet")
    token = os.environ.get(TOKEN_VARIABLE)
    # Without a token, the service takes such calls only by a name of this machine.
    headers = {"Host": "localhost"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return connect(state, timeout_s), headers


def unreachable(service: Service, error: Exception) -> UnreachableError:
    """Return the error of a service that can't be reached."""
    state = service.state
    where = "" if state is None else state.unix_socket or f"{state.host}:{state.ports[0]}"
    return UnreachableError(f"service {service.name!r} can't be reached at {where}: {error}")


def reply_of(status: int, body: bytes, path: str) -> dict[str, Any]:
    """Return the object of a response.

    Raises:
        AccessError: The service refuses the key or the token.
        DeployError: The response reports another failure; the text is the service's one-line cause.
    """
    try:
        reply = msgspec.json.decode(body)
        if status == http.client.OK:
            return dict(reply)
        kind = AccessError if status in _REFUSED else DeployError
        raise kind(reply["status"]["msg"])
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise DeployError(f"{path} returned status {status}") from error
