"""One replica on its host: its service folder, its server process, what is seen of it."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from grps.cluster.description import Version
from grps.cluster.hosts import Order
from grps.cluster.placing import Placing
from grps.cluster.policy.observing import Observation, Seen
from grps.cluster.pushing import push_to_service
from grps.deploy.connection import connect
from grps.deploy.figures import read_figures
from grps.deploy.native import server_of
from grps.deploy.paths import ServiceFolder
from grps.deploy.project.deployment import (
    Deployment,
    Overrides,
    Reports,
    deploy_archive,
    deployed,
)
from grps.deploy.supervision.exits import recorded_exit
from grps.deploy.supervision.services import inspect
from grps.deploy.supervision.supervisor import Progress, claim, start
from grps.errors import DeployError
from grps.server.files import write_atomically
from grps.server.state import ServiceState, alive

LOOK_S = 0.1
"""How often it is looked whether the process is still there."""
PROBE_S = 0.5
PROBE_TIMEOUT_S = 2.0
READY, LIVE = "/grps/v1/health/ready", "/grps/v1/monitor/live"
NOTE = "replica.json"
"""In ``run/``: the version that the folder was made for."""


class _GivenUpError(Exception):
    """The replica is stopped while it starts."""


class ReplicaServer:
    """A replica of this host. Its own thread starts and watches the process."""

    _preparing: ClassVar = threading.Lock()
    """Unpacking asks for the umask, which belongs to the whole process."""

    def __init__(
        self,
        order: Order,
        placing: Placing,
        archive: Callable[[], Path],
        on_process: Callable[[int], None] = lambda pid: None,
    ) -> None:
        """Prepare; ``begin`` starts it.

        Args:
            order: What to run.
            placing: Where this host lets it listen.
            archive: Returns the archive of the version; called when it has to be unpacked.
            on_process: Called with the process of each server that was started or taken over.
        """
        self._order = order
        self._placing = placing
        self._archive = archive
        self._on_process = on_process
        self._folder = ServiceFolder.of(order.name)
        self._lock = threading.Lock()
        self._seen = Observation("ended", placing.host, cause="it was not started")
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def begin(self) -> None:
        """Start the server, unless it runs or starts already."""
        with self._lock:
            if self._thread is not None and self._thread.is_alive():
                return
            self._stopping.clear()
            self._seen = Observation("starting", self._placing.host)
            self._thread = threading.Thread(
                target=self._run, name=f"replica-{self._order.name}", daemon=True
            )
            self._thread.start()

    def observe(self) -> Observation:
        """Return what was last seen."""
        with self._lock:
            return self._seen

    def terminate(self) -> None:
        """Let the server finish its requests and end; a start is given up."""
        self._stopping.set()
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the server at once."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    def push(self, service: str, table: bytes) -> int:
        """Give the server a table of endpoints; see ``pushing.push_to_service``."""
        state = inspect(self._folder).state
        if state is None:
            raise DeployError("it does not run")
        return push_to_service(state, service, table)

    def release(self) -> None:
        """Remove the folder of a replica that has ended."""
        self.kill()
        thread = self._thread
        if thread is not None:
            thread.join(PROBE_TIMEOUT_S + 1)
        if self._noted() is not None:
            shutil.rmtree(self._folder.root, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        state = inspect(self._folder).state
        # A service of this name that is not of the cluster is left alone.
        if state is not None and self._noted() is not None and alive(state):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(state.pid, number)

    def _run(self) -> None:
        try:
            self._watch(self._state())
        except _GivenUpError:
            self._note("ended", "it was stopped while it started")
        except Exception as error:
            self._note("ended", str(error) or type(error).__name__)

    def _state(self) -> ServiceState:
        """Return the state of the server that runs, and start one if none does."""
        found = inspect(self._folder)
        if found.running and found.state is not None and self._noted() == self._order.version:
            self._on_process(found.state.pid)
            return found.state
        if self._order.only_running:
            raise DeployError("its process has ended")
        if self._folder.root.exists() and self._noted() is None:
            raise DeployError(
                f"{self._folder.root} of this host is not a folder of the cluster; deploy with "
                f"another --name, or remove it: grpst rm {self._order.name}"
            )
        with claim(self._folder):
            with self._preparing:
                deployment = self._deployment()
                project = deployment.project.folder
                command = server_of(self._folder, project, deployment.command, "auto")
            told = False

            def look(progress: Progress) -> None:
                nonlocal told
                if self._stopping.is_set():
                    raise _GivenUpError
                self._note("starting", progress.detail or progress.phase)
                state = None if told else ServiceState.read(self._folder.state)
                if state is not None:
                    told = True
                    self._on_process(state.pid)

            timeout_s = self._order.version.start_timeout_s
            state = start(self._folder, timeout_s=timeout_s, on_progress=look, command=command)
            self._on_process(state.pid)
            return state

    def _deployment(self) -> Deployment:
        """Unpack the archive, unless the folder was made of it."""
        if self._noted() == self._order.version:
            with suppress(DeployError):
                return deployed(self._folder)
        self._note("starting", "fetching the archive")
        archive = self._archive()
        self._note("starting", "unpacking the archive")
        overrides = Overrides(host=self._placing.listen, port="0")
        quiet = Reports(lambda what, done, total: None, lambda line: None)
        # Before the archive, so that a folder that is half made is known as ours.
        write_atomically(self._noted_in(), msgspec.json.encode(self._order.version))
        deploy_archive(self._folder, archive, overrides, quiet)
        self._placing.write_tls(self._folder)
        return deployed(self._folder)

    def _noted_in(self) -> Path:
        return self._folder.state.with_name(NOTE)

    def _noted(self) -> Version | None:
        """Return the version that the folder was made for; ``None`` if it is not one of ours."""
        try:
            return msgspec.json.decode(self._noted_in().read_bytes(), type=Version)
        except (OSError, msgspec.MsgspecError):
            return None

    def _watch(self, state: ServiceState) -> None:
        """Look at the process until it ends."""
        next_probe = 0.0
        while alive(state):
            now = time.monotonic()
            if now >= next_probe:
                next_probe = now + PROBE_S
                self._probe(state)
            time.sleep(LOOK_S)
        left = inspect(self._folder)
        cause = left.cause or recorded_exit(self._folder.exit_code) or "its process has ended"
        self._note("ended", cause)

    def _probe(self, state: ServiceState) -> None:
        latest = ServiceState.read(self._folder.state) or state
        if not latest.ports:
            self._note("starting", latest.detail or latest.phase)
            return
        address = self._placing.address_of(latest.ports[0])
        try:
            status, _ = _get(latest, READY)
            live = _get(latest, LIVE)[1]
        except (OSError, http.client.HTTPException) as error:
            self._note("unresponsive", f"it does not answer: {error}", address)
            return
        service = live.get("service", {})
        queue = int(service.get("waiting", 0))
        figures = read_figures(live) if "routes" in live else None
        load = queue + (figures.in_flight if figures is not None else 0)
        found = Observation("ready", self._placing.host, address, load, queue, figures=figures)
        if status != http.client.OK:
            cause = service.get("reason") or f"it is {service.get('state', 'unready')}"
            found = replace(found, seen="unready", cause=str(cause))
        self._see(found)

    def _note(self, seen: Seen, cause: str = "", address: str = "") -> None:
        self._see(Observation(seen, self._placing.host, address, cause=cause))

    def _see(self, found: Observation) -> None:
        with self._lock:
            self._seen = found


def _get(state: ServiceState, path: str) -> tuple[int, dict[str, Any]]:
    connection = connect(state, PROBE_TIMEOUT_S)
    try:
        connection.request("GET", path, headers={"Host": "localhost"})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    try:
        decoded = msgspec.json.decode(body)
    except msgspec.DecodeError:
        decoded = {}
    return response.status, decoded if isinstance(decoded, dict) else {}
