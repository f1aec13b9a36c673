"""What the director knows, and where it is kept for the next one."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import msgspec

from grps.cluster.description import Deployment, Replica
from grps.errors import DeployError
from grps.server.files import write_atomically


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The endpoints of a deployment."""

    generation: int
    addresses: tuple[str, ...] = ()


class ClusterState(msgspec.Struct, kw_only=True):
    """Everything that a director needs to go on where another one ended."""

    deployments: dict[str, Deployment] = {}
    replicas: dict[str, Replica] = {}
    tables: dict[str, Table] = {}
    drained_hosts: list[str] = []

    def of(self, deployment: str) -> list[Replica]:
        """Return the replicas of a deployment, the oldest first."""
        return [one for one in self.replicas.values() if one.deployment == deployment]


class Store(Protocol):
    """Keeps the state."""

    def load(self) -> bytes | None:
        """Return what was saved last."""

    def save(self, data: bytes) -> None:
        """Keep the state; it may be on its way when this returns."""


class FileStore:
    """Keeps the state in a file."""

    def __init__(self, path: Path) -> None:
        """Use the file at ``path``."""
        self._path = path

    def load(self) -> bytes | None:
        """Return the contents of the file, if it is there."""
        try:
            return self._path.read_bytes()
        except FileNotFoundError:
            return None

    def save(self, data: bytes) -> None:
        """Replace the file."""
        write_atomically(self._path, data)


def read_state(store: Store) -> ClusterState:
    """Return the state that was kept; an empty one at the first start.

    Raises:
        DeployError: It can't be read.
    """
    data = store.load()
    if data is None:
        return ClusterState()
    try:
        return msgspec.json.decode(data, type=ClusterState)
    except msgspec.MsgspecError as error:
        raise DeployError(f"the state of the cluster can't be read: {error}") from error
