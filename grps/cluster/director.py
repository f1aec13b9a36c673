"""The director: looks at all replicas, and makes the cluster what it should be, step by step."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

import msgspec
from msgspec.structs import replace

from grps.cluster.description import Deployment, Replica
from grps.cluster.hosts import Archives, Hosts, Order
from grps.cluster.policy.observing import Observation, absorb, is_hung
from grps.cluster.policy.planning import Plan, plan
from grps.cluster.policy.scaling import Scaling
from grps.cluster.pushing import push_to_front
from grps.cluster.state import ClusterState, Store, Table, read_state
from grps.cluster.tables import Pusher, Receiver, next_table
from grps.errors import GrpsError

STEP_S = 0.25
TABLE_WAIT_S = 2.0
"""A replica that leaves is drained after this, even if a receiver has not taken the table."""
DRAIN_S = 330.0
"""A replica that is not done by then is killed; its own limit, in server.yml, comes first."""
LOST = Observation("lost", cause="its host does not know it")

logger = logging.getLogger("grps.cluster")


class Director:
    """Keeps deployments running. One thread calls ``step`` again and again."""

    def __init__(
        self,
        hosts: Hosts,
        store: Store,
        archives: Archives,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Go on where the last director ended.

        Args:
            hosts: Where replicas run.
            store: What was known, and where it is kept.
            archives: The archives that were received.
            clock: Seconds; only differences count.

        Raises:
            DeployError: What was kept can't be read.
        """
        self.lock = threading.RLock()
        self.hosts = hosts
        self._store = store
        self._archives = archives
        self._clock = clock
        self.state = read_state(store)
        self._saved = b""
        self._scaling: dict[str, Scaling] = {}
        self._halted: dict[str, str] = {}
        self._pusher = Pusher()
        self._find_again()

    def step(self) -> None:
        """Look once, and make the next changes."""
        observed = dict(self.hosts.observe())
        with self.lock:
            now = self._clock()
            for replica in list(self.state.replicas.values()):
                self._look(replica, observed.get(replica.name, LOST), now)
            for deployment in list(self.state.deployments.values()):
                self._follow(deployment, now)
            self._tables(now)
            for replica in list(self.state.replicas.values()):
                self._drain(replica, observed.get(replica.name, LOST), now)
            self._tidy()
            self._save()

    def run(self, is_ended: threading.Event) -> None:
        """Step until the event is set; a failure of one step is logged."""
        while not is_ended.wait(STEP_S):
            try:
                self.step()
            except Exception:
                logger.exception("a step of the director failed")

    def troubles(self) -> list[str]:
        """Return what an operator should know, one line each."""
        halted = [f"{name}: {cause}" for name, cause in self._halted.items()]
        return [*halted, *self._pusher.troubles()]

    def close(self) -> None:
        """Let the replicas run on for the next director."""
        with self.lock:
            self._save()
        self._pusher.close()
        self.hosts.close()

    def _find_again(self) -> None:
        """Take over the replicas of the last director; times of its clock mean nothing here."""
        now = self._clock()
        for replica in list(self.state.replicas.values()):
            found = replace(replica, since=now, retry_at=now)
            if found.phase in ("ready", "unready"):
                # It stays in the table unless it turns out to be lost.
                found = replace(found, phase="ready")
            self.state.replicas[replica.name] = found
            if replica.phase != "failed":
                self._start(found, only_running=replica.phase in ("leaving", "draining"))

    def _look(self, replica: Replica, found: Observation, now: float) -> None:
        if replica.phase == "ready" and found.seen == "starting":
            return  # found again by this director, which has not seen more yet
        seen = absorb(replica, found, now)
        if is_hung(seen, found, now):
            logger.warning("%s hangs and is killed: %s", seen.name, seen.cause)
            self.hosts.kill(seen.name)
        if seen.phase != replica.phase:
            logger.info("%s: %s %s", seen.name, seen.phase, seen.cause)
        self.state.replicas[replica.name] = seen

    def _follow(self, deployment: Deployment, now: float) -> None:
        replicas = self.state.of(deployment.name)
        wanted = self._wanted(deployment, replicas, now)
        if wanted != deployment.wanted:
            logger.info("%s: %d replicas wanted", deployment.name, wanted)
            deployment = replace(deployment, wanted=wanted)
            self.state.deployments[deployment.name] = deployment
        next_changes = plan(deployment, replicas, now, self.state.drained_hosts)
        if next_changes.halted:
            self._halted[deployment.name] = next_changes.halted
        else:
            self._halted.pop(deployment.name, None)
        self._make(deployment, next_changes, now)

    def _wanted(self, deployment: Deployment, replicas: list[Replica], now: float) -> int:
        bounds = deployment.bounds
        if bounds.minimum == bounds.maximum:
            return bounds.maximum
        scaling = self._scaling.setdefault(deployment.name, Scaling())
        load = sum(one.load for one in replicas if one.phase == "ready")
        return scaling.wanted(now, load, deployment.wanted, bounds)

    def _make(self, deployment: Deployment, changes: Plan, now: float) -> None:
        for name in changes.leave:
            left = replace(self.state.replicas[name], phase="leaving", since=now, cause="")
            self.state.replicas[name] = left
            logger.info("%s leaves", name)
        for name in changes.restart:
            again = self.state.replicas[name]
            again = replace(again, phase="starting", since=now, restarts=again.restarts + 1)
            self.state.replicas[name] = again
            self._start(again)
        for _ in range(changes.start):
            deployment = self.state.deployments[deployment.name]
            replica = Replica(
                name=f"{deployment.name}-{deployment.next_index}",
                deployment=deployment.name,
                version=deployment.version.number,
                since=now,
            )
            counted = replace(deployment, next_index=deployment.next_index + 1)
            self.state.deployments[deployment.name] = counted
            self.state.replicas[replica.name] = replica
            self._start(replica)

    def _start(self, replica: Replica, *, only_running: bool = False) -> None:
        deployment = self.state.deployments.get(replica.deployment)
        version = deployment.version_of(replica.version) if deployment is not None else None
        if deployment is None or version is None:
            return
        avoid = set(self.state.drained_hosts)
        if deployment.spread:
            avoid |= {
                one.host
                for one in self.state.of(deployment.name)
                if one.version == replica.version and one.name != replica.name and one.host
            }
        order = Order(
            name=replica.name,
            version=version,
            avoid=tuple(sorted(avoid)),
            only_running=only_running,
        )
        self.hosts.start(order)

    def _tables(self, now: float) -> None:
        """Bring the tables, and those who have them, up to date."""
        for name in self.state.deployments:
            ready = [one for one in self.state.of(name) if one.phase == "ready" and one.address]
            addresses = tuple(sorted(one.address for one in ready))
            before = self.state.tables.get(name)
            newest = self._pusher.newest(name)
            if before is not None and newest > before.generation:
                before = Table(generation=newest)
            self.state.tables[name] = next_table(before, addresses, time.time())
        self._pusher.push(list(self._receivers()), self.state.tables, now)

    def _receivers(self) -> list[Receiver]:
        found = []
        for deployment in self.state.deployments.values():
            for front in deployment.fronts:
                push = partial(push_to_front, front, deployment.name)
                found.append(Receiver(front.url, deployment.name, push))
        for replica in self.state.replicas.values():
            user = self.state.deployments.get(replica.deployment)
            version = user.version_of(replica.version) if user is not None else None
            if version is None or not replica.address or replica.phase == "failed":
                continue
            for service in version.uses:
                send = partial(self.hosts.push, replica.name, service)
                found.append(Receiver(replica.name, service, send))
        return found

    def _drain(self, replica: Replica, found: Observation, now: float) -> None:
        """Let a replica that leaves finish: first no table has it, then its server ends."""
        waited_s = now - replica.since
        if replica.phase == "leaving":
            table = self.state.tables.get(replica.deployment)
            is_out = table is None or self._pusher.has_all(replica.deployment, table.generation)
            if is_out or waited_s >= TABLE_WAIT_S or found.seen in ("ended", "lost"):
                self.hosts.terminate(replica.name)
                drained = replace(replica, phase="draining", since=now)
                self.state.replicas[replica.name] = drained
        elif replica.phase == "draining":
            if found.seen in ("ended", "lost"):
                self.hosts.release(replica.name)
                del self.state.replicas[replica.name]
                logger.info("%s has ended", replica.name)
            elif waited_s >= DRAIN_S:
                logger.warning("%s did not finish in %g s and is killed", replica.name, DRAIN_S)
                self.hosts.kill(replica.name)

    def _tidy(self) -> None:
        """Forget versions, deployments and archives without replicas."""
        for deployment in list(self.state.deployments.values()):
            numbers = {one.version for one in self.state.of(deployment.name)}
            if deployment.removed and not numbers:
                del self.state.deployments[deployment.name]
                self.state.tables.pop(deployment.name, None)
                self._scaling.pop(deployment.name, None)
                self._halted.pop(deployment.name, None)
                continue
            before = tuple(one for one in deployment.before if one.number in numbers)
            if before != deployment.before:
                kept = replace(deployment, before=before)
                self.state.deployments[deployment.name] = kept

    def _save(self) -> None:
        """Keep what matters to the next director; loads and times change all the time."""
        lasting = {
            name: replace(one, load=0, queue=0, figures=None, since=0.0, retry_at=0.0)
            for name, one in self.state.replicas.items()
        }
        kept = ClusterState(
            deployments=self.state.deployments,
            replicas=lasting,
            tables=self.state.tables,
            drained_hosts=self.state.drained_hosts,
        )
        data = msgspec.json.encode(kept)
        if data != self._saved:
            try:
                self._store.save(data)
            except (OSError, GrpsError):
                logger.exception("the state of the cluster can't be kept")
                return
            self._saved = data
            self._archives.keep(self._used_archives())

    def _used_archives(self) -> set[str]:
        return {
            version.archive
            for deployment in self.state.deployments.values()
            for version in (deployment.version, *deployment.before)
        }
