"""Replicas as actors of Ray, which places them by their resources."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import msgspec

from grps.cluster.description import Resources
from grps.cluster.hosts import Host, Order
from grps.cluster.policy.observing import Observation
from grps.cluster.ray.names import NAMESPACE, REPLICA
from grps.errors import DeployError

UNSEEN_S = 5.0
"""A replica whose actor does not answer for this long is given up."""
WAIT_S = 0.1
PUSH_S = 5.0
HOSTS_S = 2.0
"""How long the list of hosts is used before it is asked for again."""
CONCURRENCY = 8

ASKING = Observation("starting", cause="asking Ray for a host")

logger = logging.getLogger("grps.cluster")


@dataclass(slots=True)
class _Placed:
    """What is known of the actor of one replica."""

    order: Order
    actor: Any = None
    group: Any = None
    asked: Any = None
    """The reference of an answer that is awaited."""
    asked_at: float = 0.0
    answered: bool = False
    seen: Observation = ASKING


class RayHosts:
    """The hosts of Ray. An actor for each replica starts its server and watches it."""

    def __init__(self) -> None:
        """Begin without replicas; those of an earlier director are found when they are started."""
        self._placed: dict[str, _Placed] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="place")
        self._nodes: list[tuple[str, Host]] = []
        self._nodes_at = -HOSTS_S

    def hosts(self) -> list[Host]:
        """Return the hosts that Ray knows."""
        if time.monotonic() - self._nodes_at >= HOSTS_S:
            self._nodes = list_nodes()
            self._nodes_at = time.monotonic()
        return [host for _, host in self._nodes]

    def start(self, order: Order) -> None:
        """Start a replica: by its actor if that lives, else by a new one."""
        with self._lock:
            placed = self._placed.get(order.name)
            if placed is None or placed.actor is None:
                placed = _Placed(order)
                self._placed[order.name] = placed
        placed.order = order
        placed.seen = ASKING
        self._pool.submit(self._begin, placed)

    def terminate(self, name: str) -> None:
        """Let a replica finish its requests and end."""
        self._tell(name, "terminate")

    def kill(self, name: str) -> None:
        """End the server of a replica."""
        self._tell(name, "kill")

    def release(self, name: str) -> None:
        """Forget a replica, with its folder and its actor."""
        with self._lock:
            placed = self._placed.pop(name, None)
        if placed is not None and placed.actor is not None:
            self._pool.submit(_end_actor, placed)

    def observe(self) -> Mapping[str, Observation]:
        """Return what the actors see. No actor is waited for longer than a moment."""
        import ray

        with self._lock:
            placed = dict(self._placed)
        now = time.monotonic()
        for one in placed.values():
            if one.actor is not None and one.asked is None:
                one.asked, one.asked_at = one.actor.observe.remote(), now
        asked = [one.asked for one in placed.values() if one.asked is not None]
        if asked:
            ray.wait(asked, num_returns=len(asked), timeout=WAIT_S)
        for one in placed.values():
            self._read(one)
        return {name: self._named(one.seen) for name, one in placed.items()}

    def push(self, name: str, service: str, table: bytes) -> int:
        """Let the actor of a replica push the table on its host."""
        import ray

        placed = self._placed.get(name)
        if placed is None or placed.actor is None:
            raise DeployError("it does not run")
        try:
            found = ray.get(placed.actor.push.remote(service, table), timeout=PUSH_S)
        except ray.exceptions.RayError as error:
            raise DeployError(f"it does not answer: {type(error).__name__}") from error
        if isinstance(found, str):
            raise DeployError(found)
        return int(found)

    def close(self) -> None:
        """Let the replicas run on."""
        self._placed.clear()

    def _tell(self, name: str, method: str) -> None:
        placed = self._placed.get(name)
        if placed is None or placed.actor is None:
            return
        if placed.answered:
            getattr(placed.actor, method).remote()
        else:
            # It may wait for a host for ever, and would do nothing until then.
            self._give_up(placed, "it was stopped before Ray had a host for it")

    def _begin(self, placed: _Placed) -> None:
        """Find or make the actor of a replica, and let it start the server."""
        try:
            actor = placed.actor or _find_actor(placed.order.name)
            if actor is None:
                if placed.order.only_running:
                    placed.seen = Observation("lost", cause="its actor has ended")
                    return
                actor = self._make_actor(placed)
            actor.begin.remote(msgspec.json.encode(placed.order))
            placed.answered = placed.answered and placed.actor is not None
            placed.asked, placed.actor = None, actor
        except Exception as error:
            logger.exception("%s can't be placed", placed.order.name)
            placed.seen = Observation("ended", cause=f"Ray can't place it: {error}")

    def _make_actor(self, placed: _Placed) -> Any:
        import ray

        from grps.cluster.ray.replica_actor import ReplicaActor

        order = placed.order
        resources = order.version.resources
        options: dict[str, Any] = {
            "name": f"{REPLICA}{order.name}:{uuid4().hex[:8]}",
            "namespace": NAMESPACE,
            "lifetime": "detached",
            "max_restarts": 0,
            "max_concurrency": CONCURRENCY,
            "num_cpus": resources.cpus,
            "num_gpus": resources.gpus,
        }
        if resources.memory_bytes:
            options["memory"] = resources.memory_bytes
        group_name = ""
        if resources.hosts > 1:
            group_name = f"{REPLICA}{order.name}:{uuid4().hex[:8]}"
            placed.group = _make_group(group_name, resources)
            options["scheduling_strategy"] = _in_group(placed.group)
        elif avoided := self._identifiers(order.avoid):
            options["label_selector"] = {"ray.io/node-id": avoided}
        return ray.remote(ReplicaActor).options(**options).remote("", group_name)

    def _identifiers(self, names: tuple[str, ...]) -> str:
        """Return a selector of hosts other than these; nothing if none is to be avoided."""
        self.hosts()
        found = [identifier for identifier, host in self._nodes if host.name in names]
        if len(found) == 1:
            return f"!{found[0]}"
        return f"!in({','.join(found)})" if found else ""

    def _read(self, one: _Placed) -> None:
        """Read the answer of an actor, or decide that it will not come."""
        import ray

        if one.asked is None:
            return
        ready, _ = ray.wait([one.asked], timeout=0)
        if ready:
            try:
                answer = ray.get(one.asked)
                one.seen, one.answered = msgspec.json.decode(answer, type=Observation), True
                one.asked = None
            except ray.exceptions.RayError as error:
                self._give_up(one, f"its actor has ended: {_first_line(error)}")
        elif one.answered and time.monotonic() - one.asked_at > UNSEEN_S:
            self._give_up(one, "its host does not answer")
        elif not one.answered:
            needs = _needs(one.order.version.resources)
            one.seen = Observation("starting", cause=f"waiting for a host with {needs}")

    def _give_up(self, one: _Placed, cause: str) -> None:
        gone, one.actor, one.asked = one.actor, None, None
        one.seen = Observation("lost", cause=cause)
        self._pool.submit(_end_actor, replace(one, actor=gone))

    def _named(self, seen: Observation) -> Observation:
        """Put the name of the host in the place of Ray's identifier."""
        if not seen.host:
            return seen
        if all(identifier != seen.host for identifier, _ in self._nodes):
            with suppress(DeployError):
                self.hosts()
        known = dict(self._nodes).get(seen.host)
        return seen if known is None else replace(seen, host=known.name)


def list_nodes() -> list[tuple[str, Host]]:
    """Return the hosts of Ray with their identifiers; the names of two differ.

    Raises:
        DeployError: Ray's control plane does not answer.
    """
    import ray

    try:
        nodes = [one for one in ray.nodes() if one["Alive"]]
    except Exception as error:
        raise DeployError(f"Ray's control plane does not answer: {error}") from error
    names = Counter(one["NodeManagerHostname"] for one in nodes)
    found = []
    for one in nodes:
        name, identifier = one["NodeManagerHostname"], one["NodeID"]
        resources = one["Resources"]
        host = Host(
            name=name if names[name] == 1 else f"{name}-{identifier[:8]}",
            address=one["NodeManagerAddress"],
            cpus=resources.get("CPU", 0.0),
            gpus=resources.get("GPU", 0.0),
            memory_bytes=int(resources.get("memory", 0)),
        )
        found.append((identifier, host))
    return found


def _find_actor(name: str) -> Any:
    """Return the living actor of a replica from an earlier director; ``None`` without one."""
    import ray

    prefix = f"{REPLICA}{name}:"
    for found in ray.util.list_named_actors(all_namespaces=True):
        if found["namespace"] == NAMESPACE and found["name"].startswith(prefix):
            with suppress(ValueError):
                return ray.get_actor(found["name"], namespace=NAMESPACE)
    return None


def _end_actor(placed: _Placed) -> None:
    import ray

    with suppress(Exception):
        ray.get(placed.actor.release.remote(), timeout=PUSH_S)
    with suppress(Exception):
        ray.kill(placed.actor)
    with suppress(Exception):
        if placed.group is not None:
            ray.util.remove_placement_group(placed.group)


def _make_group(name: str, resources: Resources) -> Any:
    """Ask for a bundle of resources on each of several hosts."""
    import ray

    bundle = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": resources.memory_bytes}
    wanted = {key: value for key, value in bundle.items() if value}
    return ray.util.placement_group(
        [wanted] * resources.hosts, strategy="STRICT_SPREAD", name=name, lifetime="detached"
    )


def _in_group(group: Any) -> Any:
    from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

    return PlacementGroupSchedulingStrategy(
        group, placement_group_bundle_index=0, placement_group_capture_child_tasks=True
    )


def _needs(resources: Resources) -> str:
    parts = [f"{resources.cpus:g} CPUs"] if resources.cpus else []
    parts += [f"{resources.gpus:g} GPUs"] if resources.gpus else []
    parts += [f"{resources.memory_bytes >> 20} MiB"] if resources.memory_bytes else []
    return " and ".join(parts) or "room"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
