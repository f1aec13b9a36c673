"""What the director is asked for, as JSON: by the tool over a socket or over Ray."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from grps.cluster.archives import ArchiveFolder
from grps.cluster.description import (
    Bounds,
    Choices,
    Deployment,
    Front,
    Resources,
    Version,
    check_name,
)
from grps.cluster.director import Director
from grps.config.suggest import hint
from grps.errors import DeployError, GrpsError


class Deploy(msgspec.Struct, frozen=True, kw_only=True, tag="deploy", tag_field="verb"):
    """Make a deployment, or change the version of one."""

    name: str
    version: Version
    bounds: Bounds | None = None
    """As they are if absent; 1 for a new deployment."""
    choices: Choices = Choices()
    fronts: tuple[Front, ...] = ()


class Scale(msgspec.Struct, frozen=True, kw_only=True, tag="scale", tag_field="verb"):
    """Change the number of replicas."""

    name: str
    minimum: int
    maximum: int
    target_load: float | None = None


class Drain(msgspec.Struct, frozen=True, kw_only=True, tag="drain", tag_field="verb"):
    """Take all replicas away from a deployment, which is forgotten, or from a host."""

    target: str
    undo: bool = False
    """Let a host have replicas again."""


class Status(msgspec.Struct, frozen=True, kw_only=True, tag="status", tag_field="verb"):
    """Describe everything."""


class Down(msgspec.Struct, frozen=True, kw_only=True, tag="down", tag_field="verb"):
    """Drain all deployments."""


class HasArchive(msgspec.Struct, frozen=True, kw_only=True, tag="has_archive", tag_field="verb"):
    """Ask for an archive."""

    digest: str


class Chunk(msgspec.Struct, frozen=True, kw_only=True, tag="chunk", tag_field="verb"):
    """Bytes of an archive follow."""

    digest: str
    offset: int
    last: bool


Request = Deploy | Scale | Drain | Status | Down | HasArchive | Chunk
T = TypeVar("T")


class Commands:
    """Answers requests for a director."""

    def __init__(self, director: Director, archives: ArchiveFolder, about: dict[str, Any]) -> None:
        """Answer for a director.

        Args:
            director: The director.
            archives: Where archives are received.
            about: What the status says of the director itself.
        """
        self._director = director
        self._archives = archives
        self._about = about

    def answer(self, request: bytes, chunk: bytes = b"") -> bytes:
        """Return the reply to a request; a failure is in it as ``error``."""
        try:
            decoded: Request = msgspec.json.decode(request, type=Request)
            return msgspec.json.encode(self._do(decoded, chunk))
        except (GrpsError, msgspec.MsgspecError, OSError) as error:
            return msgspec.json.encode({"error": str(error)})

    def _do(self, request: Request, chunk: bytes) -> dict[str, Any]:
        if isinstance(request, Chunk):
            self._archives.receive(request.digest, request.offset, chunk, last=request.last)
            return {}
        if isinstance(request, HasArchive):
            return {"there": self._archives.has(request.digest)}
        if isinstance(request, Status):
            return self._status()
        with self._director.lock:
            return self._change(request)

    def _change(self, request: Deploy | Scale | Drain | Down) -> dict[str, Any]:
        if isinstance(request, Deploy):
            return self._deploy(request)
        if isinstance(request, Scale):
            return self._scale(request)
        return self._drain(request) if isinstance(request, Drain) else self._down()

    def _deploy(self, request: Deploy) -> dict[str, Any]:
        self._archives.path_of(request.version.archive)
        deployments = self._director.state.deployments
        before = deployments.get(check_name(request.name))
        version = _merged(request, None if before is None else before.version)
        if version.tls is None and not version.insecure:
            self._refuse_open(request.name)
        bounds = request.bounds or (before.bounds if before is not None else Bounds())
        if before is None:
            made = Deployment(
                name=request.name,
                version=replace(version, number=1),
                bounds=bounds,
                wanted=bounds.minimum,
                spread=bool(request.choices.spread),
                fronts=request.fronts,
            )
        else:
            made = replace(
                before,
                bounds=bounds,
                wanted=max(bounds.minimum, min(before.wanted, bounds.maximum)),
                spread=before.spread if request.choices.spread is None else request.choices.spread,
                fronts=request.fronts or before.fronts,
                removed=False,
            )
            if not before.version.runs_as(version):
                number = before.version.number + 1
                made = replace(
                    made,
                    version=replace(version, number=number),
                    before=(*before.before, before.version),
                )
        deployments[request.name] = made
        return {"version": made.version.number, "wanted": made.wanted}

    def _refuse_open(self, name: str) -> None:
        hosts = [one for one in self._director.hosts.hosts() if one.alive and one.cpus > 0]
        if len(hosts) > 1:
            raise DeployError(
                f"the cluster has {len(hosts)} hosts: the replicas of {name!r} need certificates, "
                "so that they answer nobody else (--tls FOLDER, made by grpst cluster cert), or "
                "--insecure to answer everybody"
            )

    def _scale(self, request: Scale) -> dict[str, Any]:
        found = self._found(request.name)
        bounds = replace(found.bounds, minimum=request.minimum, maximum=request.maximum)
        if request.target_load is not None:
            bounds = replace(bounds, target_load=request.target_load)
        wanted = max(bounds.minimum, min(found.wanted, bounds.maximum))
        self._director.state.deployments[found.name] = replace(found, bounds=bounds, wanted=wanted)
        return {"wanted": wanted}

    def _drain(self, request: Drain) -> dict[str, Any]:
        state = self._director.state
        if request.target in state.deployments and not request.undo:
            found = state.deployments[request.target]
            state.deployments[found.name] = replace(found, removed=True)
            return {"deployment": found.name, "replicas": len(state.of(found.name))}
        hosts = [one.name for one in self._director.hosts.hosts() if one.alive]
        if request.target not in hosts and request.target not in state.drained_hosts:
            names = [*state.deployments, *hosts]
            raise DeployError(
                f"no deployment and no host is called {request.target!r}"
                f"{hint(request.target, names)}; there are: {', '.join(names)}"
            )
        if request.undo:
            state.drained_hosts = [one for one in state.drained_hosts if one != request.target]
            return {"host": request.target, "replicas": 0}
        if not set(hosts) - {*state.drained_hosts, request.target}:
            raise DeployError(f"{request.target!r} is the only host; replicas can't move elsewhere")
        if request.target not in state.drained_hosts:
            state.drained_hosts.append(request.target)
        count = sum(one.host == request.target for one in state.replicas.values())
        return {"host": request.target, "replicas": count}

    def _down(self) -> dict[str, Any]:
        state = self._director.state
        for deployment in list(state.deployments.values()):
            state.deployments[deployment.name] = replace(deployment, removed=True)
        return {"replicas": len(state.replicas)}

    def _found(self, name: str) -> Deployment:
        deployments = self._director.state.deployments
        if name not in deployments:
            listed = ", ".join(deployments) or "none"
            raise DeployError(
                f"no deployment is called {name!r}{hint(name, deployments)}; there are: {listed}"
            )
        return deployments[name]

    def _status(self) -> dict[str, Any]:
        notes = []
        try:
            hosts = self._director.hosts.hosts()
        except GrpsError as error:
            hosts, notes = [], [str(error)]
        with self._director.lock:
            state = self._director.state
            return {
                "director": self._about,
                "hosts": [self._host(one) for one in hosts],
                "deployments": [self._described(one) for one in state.deployments.values()],
                "troubles": [*notes, *self._director.troubles()],
            }

    def _host(self, host: Any) -> dict[str, Any]:
        state = self._director.state
        described: dict[str, Any] = msgspec.to_builtins(host)
        described["replicas"] = sum(one.host == host.name for one in state.replicas.values())
        described["drained"] = host.name in state.drained_hosts
        return described

    def _described(self, deployment: Deployment) -> dict[str, Any]:
        state = self._director.state
        table = state.tables.get(deployment.name)
        replicas = state.of(deployment.name)
        return {
            "name": deployment.name,
            "source": deployment.version.source,
            "version": deployment.version.number,
            "archive": deployment.version.archive,
            "wanted": deployment.wanted,
            "minimum": deployment.bounds.minimum,
            "maximum": deployment.bounds.maximum,
            "ready": sum(one.phase == "ready" for one in replicas),
            "removed": deployment.removed,
            "generation": table.generation if table is not None else 0,
            "endpoints": list(table.addresses) if table is not None else [],
            "replicas": [msgspec.to_builtins(one) for one in replicas],
        }


def _merged(request: Deploy, before: Version | None) -> Version:
    """Return the version of a request, with what it leaves open as it was."""
    version = request.version
    resources = request.choices.resources(Resources() if before is None else before.resources)
    if before is not None and version.tls is None and not version.insecure:
        version = replace(version, tls=before.tls, insecure=before.insecure)
    return replace(version, resources=resources)
