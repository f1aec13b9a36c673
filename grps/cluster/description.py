"""What the director is told and what it keeps: deployments, versions, replicas."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from grps.deploy.figures import Figures
from grps.errors import DeployError

MAX_REPLICAS = 256
"""A table of endpoints has no more entries."""
MAX_NAME_CHARS = 100
"""The names of replicas are longer by a number."""
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")

Phase = Literal["starting", "ready", "unready", "failed", "leaving", "draining"]


class Resources(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one replica needs of a host."""

    cpus: float = 1.0
    gpus: float = 0.0
    memory_bytes: int = 0
    hosts: int = 1
    """Above 1, a replica is an engine over several hosts, each of which has these resources."""


class Choices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a deployment may leave as it is, by ``None``; a first version gets the defaults."""

    cpus: float | None = None
    gpus: float | None = None
    memory_bytes: int | None = None
    hosts: int | None = None
    spread: bool | None = None

    def resources(self, before: Resources) -> Resources:
        """Return the resources of the next version."""
        return Resources(
            cpus=before.cpus if self.cpus is None else self.cpus,
            gpus=before.gpus if self.gpus is None else self.gpus,
            memory_bytes=before.memory_bytes if self.memory_bytes is None else self.memory_bytes,
            hosts=before.hosts if self.hosts is None else self.hosts,
        )


class Bounds(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many replicas there are."""

    minimum: int = 1
    maximum: int = 1
    target_load: float = 8.0
    """Requests in a replica, running or waiting, that it should have on average."""
    down_delay_s: float = 30.0
    """How long fewer replicas must have been enough before one is taken away."""


class Front(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service outside of the cluster that gets the table of endpoints."""

    url: str
    token_file: str | None = None
    """A file of the director's host with the token of an administrator."""


class Version(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the replicas of a deployment run."""

    number: int = 1
    archive: str
    """Its SHA-256."""
    size: int
    """Bytes of the archive."""
    source: str
    """What was deployed, for people."""
    uses: tuple[str, ...] = ()
    """Services whose table of endpoints its replicas get."""
    resources: Resources = Resources()
    tls: str | None = None
    """A folder of ``grpst cluster cert`` on each host."""
    insecure: bool = False
    """Listen on the address of the host without TLS."""
    start_timeout_s: float = 300.0

    def runs_as(self, other: Version) -> bool:
        """Return whether a replica of the other version would be the same."""
        same = msgspec.structs.replace(
            other,
            number=self.number,
            source=self.source,
            start_timeout_s=self.start_timeout_s,
        )
        return self == same


class Deployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Replicas of one service."""

    name: str
    version: Version
    before: tuple[Version, ...] = ()
    """Earlier versions that still have replicas."""
    bounds: Bounds = Bounds()
    wanted: int = 1
    """Replicas at the moment, within the bounds."""
    spread: bool = False
    """No two replicas of a version on one host."""
    fronts: tuple[Front, ...] = ()
    next_index: int = 1
    """Of the next replica."""
    removed: bool = False
    """It is forgotten when its last replica has ended."""

    def version_of(self, number: int) -> Version | None:
        """Return a version by its number."""
        return next((one for one in (self.version, *self.before) if one.number == number), None)


class Replica(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One process of a deployment."""

    name: str
    """Also the name of the service on its host."""
    deployment: str
    version: int
    phase: Phase = "starting"
    since: float = 0.0
    """When the phase began."""
    host: str = ""
    """The name of its host; empty until that is known."""
    address: str = ""
    """``host:port`` for the table of endpoints."""
    load: int = 0
    """Requests in it, running or waiting."""
    queue: int = 0
    """Requests in it that wait."""
    figures: Figures | None = None
    """What it last reported."""
    restarts: int = 0
    failures: int = 0
    """In a row."""
    retry_at: float = 0.0
    """When a failed one is started again."""
    cause: str = ""
    """Why it is not ready."""


def check_name(name: str) -> str:
    """Return ``name`` if a deployment may be called so.

    Raises:
        DeployError: It may not.
    """
    if not NAME.fullmatch(name) or len(name) > MAX_NAME_CHARS:
        raise DeployError(
            f"{name!r} can't be the name of a deployment; use 1 to {MAX_NAME_CHARS} letters, "
            "digits, '.', '_' or '-', beginning with a letter, a digit or '_'"
        )
    return name


def parse_replicas(text: str) -> tuple[int, int]:
    """Read ``3`` or ``1:4`` as the fewest and the most replicas.

    Raises:
        ValueError: It is neither, or out of bounds.
    """
    first, colon, last = text.partition(":")
    if not (first.isdecimal() and (last.isdecimal() if colon else True)):
        raise ValueError(f"{text!r} is neither a number such as 3 nor a range such as 1:4")
    fewest, most = int(first), int(last if colon else first)
    if most > MAX_REPLICAS:
        raise ValueError(f"{most} replicas: at most {MAX_REPLICAS} are allowed")
    if fewest > most:
        raise ValueError(f"{text!r}: the first number is greater than the second")
    if fewest == 0 and most > 0:
        raise ValueError(f"{text!r}: without a replica there is no load to follow; begin at 1")
    return fewest, most
