"""What the director needs of the hosts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

import msgspec

from grps.cluster.description import Version
from grps.cluster.policy.observing import Observation


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A replica to start."""

    name: str
    version: Version
    avoid: tuple[str, ...] = ()
    """Names of hosts where it must not run."""
    only_running: bool = False
    """Take over a replica that runs, start none."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A host of the cluster."""

    name: str
    address: str
    alive: bool = True
    cpus: float = 0.0
    gpus: float = 0.0
    memory_bytes: int = 0


class Hosts(Protocol):
    """Where replicas run. No call waits for a replica to do something."""

    def hosts(self) -> list[Host]:
        """Return the hosts.

        Raises:
            DeployError: They are not known at the moment.
        """

    def start(self, order: Order) -> None:
        """Begin to start a replica; again if its process has ended. One that runs is taken over."""

    def terminate(self, name: str) -> None:
        """Let a replica finish its requests and end."""

    def kill(self, name: str) -> None:
        """End the process of a replica."""

    def release(self, name: str) -> None:
        """Forget a replica that has ended, with its folder."""

    def observe(self) -> Mapping[str, Observation]:
        """Return what is seen of each replica that was started."""

    def push(self, name: str, service: str, table: bytes) -> int:
        """Give a replica the table of endpoints of a service that it uses; wait for it.

        Returns:
            The generation that it has now.

        Raises:
            DeployError: It did not take it.
        """

    def close(self) -> None:
        """Let the replicas run on, and forget them."""


class Archives(Protocol):
    """The archives of all versions, by their SHA-256."""

    def keep(self, wanted: Collection[str]) -> None:
        """Delete all others."""
