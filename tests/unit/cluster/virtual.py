"""Hosts that exist in the test only, and a clock that it sets."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from grps.cluster.archives import ArchiveFolder
from grps.cluster.commands import Commands, Request
from grps.cluster.director import Director
from grps.cluster.hosts import Host, Order
from grps.cluster.policy.observing import Observation
from grps.cluster.tables import REPEAT_S
from grps.errors import DeployError


class Clock:
    """A clock that stands still between the steps of a test."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class MemoryStore:
    """Keeps the state for the next director."""

    def __init__(self) -> None:
        self.data: bytes | None = None

    def load(self) -> bytes | None:
        return self.data

    def save(self, data: bytes) -> None:
        self.data = data


class NoArchives:
    """Keeps nothing."""

    def keep(self, wanted: Collection[str]) -> None:
        self.wanted = set(wanted)


class VirtualHosts:
    """Replicas that do what the test says."""

    def __init__(self, *names: str) -> None:
        self.names = names or ("a", "b")
        self.orders: dict[str, Order] = {}
        self.seen: dict[str, Observation] = {}
        self.calls: list[tuple[str, str]] = []
        self.pushed: dict[str, list[dict[str, object]]] = {}
        self.starts_well = True

    def hosts(self) -> list[Host]:
        return [Host(name=name, address=name, cpus=4.0) for name in self.names]

    def start(self, order: Order) -> None:
        self.calls.append(("start", order.name))
        self.orders[order.name] = order
        if self.seen.get(order.name, Observation("ended")).seen == "ready":
            return  # taken over
        if order.only_running:
            return
        free = [name for name in self.names if name not in order.avoid]
        used = [one.host for one in self.seen.values()]
        if not free or not self.starts_well:
            self.seen[order.name] = Observation("ended", cause="it can't start")
            return
        host = min(free, key=used.count)
        port = 7000 + len(self.calls)
        self.seen[order.name] = Observation("ready", host, f"{host}:{port}")

    def terminate(self, name: str) -> None:
        self.calls.append(("terminate", name))

    def finish(self, name: str) -> None:
        """The process of a replica ends."""
        self.seen[name] = Observation("ended", self.seen[name].host, cause="was ended")

    def kill(self, name: str) -> None:
        self.calls.append(("kill", name))
        self.finish(name)

    def release(self, name: str) -> None:
        self.calls.append(("release", name))
        self.seen.pop(name, None)

    def observe(self) -> Mapping[str, Observation]:
        return dict(self.seen)

    def push(self, name: str, service: str, table: bytes) -> int:
        decoded = msgspec.json.decode(table)
        self.pushed.setdefault(name, []).append(decoded)
        return int(decoded["generation"])

    def close(self) -> None:
        pass


class Cluster:
    """A director over virtual hosts."""

    def __init__(self, archives: ArchiveFolder, *names: str) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.hosts = VirtualHosts(*names)
        self.archives = archives
        self.again()

    def again(self) -> None:
        """Another director goes on where this one ended."""
        kept = NoArchives()
        self.director = Director(self.hosts, self.store, kept, self.clock)
        self.commands = Commands(self.director, self.archives, {"host": "a"})

    def ask(self, request: Request) -> dict[str, object]:
        reply = msgspec.json.decode(self.commands.answer(msgspec.json.encode(request)))
        if "error" in reply:
            raise DeployError(reply["error"])
        return dict(reply)

    def step(self, seconds: float = 0.25) -> None:
        self.clock.now += seconds
        self.director.step()

    def settle(self) -> None:
        """Step until nothing changes; replicas that are drained end at once."""
        for _ in range(60):
            self.step(REPEAT_S)
            for call, name in self.hosts.calls:
                if call == "terminate" and name in self.hosts.seen:
                    self.hosts.finish(name)

    def phases(self) -> dict[str, str]:
        return {name: one.phase for name, one in self.director.state.replicas.items()}

    def calls(self) -> list[tuple[str, str]]:
        """What the director has asked for since the last time."""
        made, self.hosts.calls = self.hosts.calls, []
        return made
