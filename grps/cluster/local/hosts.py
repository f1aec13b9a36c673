"""Replicas as services of this machine, without Ray."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from grps.cluster.hosts import Host, Order
from grps.cluster.placing import LOOPBACK, Placing
from grps.cluster.policy.observing import Observation
from grps.cluster.replica import ReplicaServer
from grps.errors import DeployError, GrpsError


class LocalHosts:
    """One host: this machine. Replicas outlive the director, which finds them again."""

    def __init__(self, archive_of: Callable[[str], Path]) -> None:
        """Begin without replicas.

        Args:
            archive_of: Returns the file of an archive by its SHA-256.
        """
        self._archive_of = archive_of
        self._name = socket.gethostname()
        self._servers: dict[str, ReplicaServer] = {}
        self._failed: dict[str, str] = {}

    def hosts(self) -> list[Host]:
        """Return this machine."""
        cpus, memory = os.cpu_count() or 1, psutil.virtual_memory().total
        address = LOOPBACK
        return [Host(name=self._name, address=address, cpus=float(cpus), memory_bytes=memory)]

    def start(self, order: Order) -> None:
        """Start a replica here, or take over the one that runs."""
        self._failed.pop(order.name, None)
        try:
            if self._name in order.avoid:
                raise DeployError(f"there is no host besides {self._name}")
            placing = Placing.of(order.version, self._name, LOOPBACK)
        except GrpsError as error:
            self._failed[order.name] = str(error)
            return
        server = self._servers.get(order.name)
        if server is None:
            digest = order.version.archive
            server = ReplicaServer(order, placing, lambda: self._archive_of(digest))
            self._servers[order.name] = server
        server.begin()

    def terminate(self, name: str) -> None:
        """Let a replica finish its requests and end."""
        if name in self._servers:
            self._servers[name].terminate()

    def kill(self, name: str) -> None:
        """End the process of a replica."""
        if name in self._servers:
            self._servers[name].kill()

    def release(self, name: str) -> None:
        """Forget a replica, with its folder."""
        self._failed.pop(name, None)
        server = self._servers.pop(name, None)
        if server is not None:
            server.release()

    def observe(self) -> Mapping[str, Observation]:
        """Return what is seen of each replica."""
        seen = {name: server.observe() for name, server in self._servers.items()}
        seen |= {
            name: Observation("ended", self._name, cause=cause)
            for name, cause in self._failed.items()
        }
        return seen

    def push(self, name: str, service: str, table: bytes) -> int:
        """Give a replica a table of endpoints."""
        if name not in self._servers:
            raise DeployError("it does not run")
        return self._servers[name].push(service, table)

    def close(self) -> None:
        """Let the replicas run on."""
        self._servers.clear()
