"""The actor of a replica. Everything passes to it and from it as bytes."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from grps.cluster.archives import ArchiveFolder
from grps.cluster.description import Version
from grps.cluster.hosts import Order
from grps.cluster.known import cluster_folder
from grps.cluster.placing import Placing
from grps.cluster.policy.observing import Observation
from grps.cluster.ray.guard import Guard
from grps.cluster.ray.names import DIRECTOR, NAMESPACE
from grps.cluster.replica import ReplicaServer
from grps.errors import GrpsError

PLACEMENT_GROUP = "GRPS_PLACEMENT_GROUP"
"""Names the placement group of an engine over several hosts."""


class ReplicaActor:
    """One replica on its host; its server ends with it."""

    def __init__(self, address: str, group: str) -> None:
        """Prepare.

        Args:
            address: Where other hosts reach this one.
            group: The placement group of an engine over several hosts; else empty.
        """
        if group:
            os.environ[PLACEMENT_GROUP] = group
        self._host = own_host()
        self._address = address or own_address()
        self._guard = Guard()
        self._server: ReplicaServer | None = None
        self._version: Version | None = None
        self._failure = ""

    def begin(self, encoded: bytes) -> None:
        """Start the server of an order, unless it runs."""
        order = msgspec.json.decode(encoded, type=Order)
        self._failure = ""
        try:
            if self._server is None or self._version != order.version:
                placing = Placing.of(order.version, self._host, self._address)
                version = order.version
                self._server = ReplicaServer(
                    order, placing, lambda: fetch(version), self._guard.watch
                )
                self._version = version
            self._server.begin()
        except GrpsError as error:
            self._failure = str(error)

    def observe(self) -> bytes:
        """Return what is seen of the server."""
        found = Observation("starting", self._host)
        if self._failure:
            found = Observation("ended", self._host, cause=self._failure)
        elif self._server is not None:
            found = self._server.observe()
        return msgspec.json.encode(found)

    def terminate(self) -> None:
        """Let the server finish its requests and end."""
        if self._server is not None:
            self._server.terminate()

    def kill(self) -> None:
        """End the server at once."""
        if self._server is not None:
            self._server.kill()

    def release(self) -> None:
        """Remove the folder of the server."""
        if self._server is not None:
            self._server.release()
        self._guard.end()

    def push(self, service: str, table: bytes) -> int | str:
        """Give the server a table of endpoints; return its generation, or why it has none."""
        try:
            return -1 if self._server is None else self._server.push(service, table)
        except GrpsError as error:
            return str(error)


def own_host() -> str:
    """Return the identifier of this host within Ray."""
    import ray

    return str(ray.get_runtime_context().get_node_id())


def own_address() -> str:
    """Return the address of this host as Ray knows it."""
    import ray

    return str(ray.util.get_node_ip_address())


def fetch(version: Version) -> Path:
    """Return the archive of a version, fetched from the director in chunks and checked."""
    import ray

    archives = ArchiveFolder(cluster_folder() / "fetched", max_bytes=version.size)
    if not archives.has(version.archive):
        director = ray.get_actor(DIRECTOR, namespace=NAMESPACE)
        offset = 0
        while True:
            chunk = ray.get(director.chunk.remote(version.archive, offset))
            end = offset + len(chunk)
            last = end >= version.size or not chunk
            archives.receive(version.archive, offset, chunk, last=last)
            if last:
                break
            offset = end
        archives.keep({version.archive})
    return archives.path_of(version.archive)
