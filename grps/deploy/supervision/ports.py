"""Checks, before a start, that the ports are free; and which process holds them."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from contextlib import closing

import psutil

from grps.config.ports import MAX_PORT
from grps.config.secret_text import mask_command
from grps.deploy.supervision.services import Service, services
from grps.errors import DeployError, HomeError

_TRIES = 200
_SHOWN_CHARS = 120


def check_ports(host: str, ports: Sequence[int]) -> None:
    """Check that every port can be listened on; 0 stands for any free one.

    Raises:
        DeployError: One can't; the text says why, which process holds it and what to use instead.
    """
    for port in ports:
        error = _bind_error(host, port) if port else None
        if error is None:
            continue
        if error.errno == errno.EADDRINUSE:
            free = suggest_ports(host, len(ports), above=max(ports))
            instead = f"; or use --port {','.join(map(str, free))}" if free else ""
            raise DeployError(f"port {port} is in use by {port_holder(port)}{instead}")
        if error.errno == errno.EACCES:
            raise DeployError(f"port {port} needs privileges; use one above 1023")
        raise DeployError(f"can't listen on {host}:{port}: {error.strerror or error}")


def check_host(host: str) -> None:
    """Check that this machine can listen on ``host``.

    Raises:
        DeployError: It can't; the text says why.
    """
    error = _bind_error(host, 0)
    if error is not None:
        raise DeployError(f"can't listen on {host}: {error.strerror or error}")


def suggest_ports(host: str, count: int, above: int) -> tuple[int, ...]:
    """Return the next ``count`` adjacent free ports above ``above``; empty when none is near."""
    for first in range(above + 1, min(above + _TRIES, MAX_PORT - count + 2)):
        found = tuple(range(first, first + count))
        if all(_bind_error(host, port) is None for port in found):
            return found
    return ()


def port_holder(port: int) -> str:
    """Say which process listens on ``port``, with the service's name and how to stop it."""
    pid = _listener(port)
    if pid is None:
        return "another process (its owner is not visible to this user)"
    for service in _known_services():
        if service.running and service.state is not None and service.state.pid == pid:
            stop = f"stop it with: grpst stop {service.name}"
            return f"the service {service.name!r} (pid {pid}; {stop})"
    try:
        command = mask_command(psutil.Process(pid).cmdline())[:_SHOWN_CHARS]
    except psutil.Error:
        command = ""
    return f"pid {pid} ({command})" if command else f"pid {pid}"


def _known_services() -> list[Service]:
    """Return the services, none where their folder can't be read: the port is what matters."""
    try:
        return services()
    except (HomeError, OSError):
        return []


def _listener(port: int) -> int | None:
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError):
        return None
    for connection in connections:
        local = connection.laddr
        if connection.status == psutil.CONN_LISTEN and local and local.port == port:
            return connection.pid
    return None


def _bind_error(host: str, port: int) -> OSError | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with closing(socket.socket(family, kind, protocol)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        return error
    return None
