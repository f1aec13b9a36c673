"""The services on this machine and how they are doing."""

from __future__ import annotations

from dataclasses import dataclass

from grps.config.suggest import hint
from grps.deploy.paths import ServiceFolder, all_folders
from grps.deploy.supervision.exits import recorded_exit
from grps.errors import DeployError
from grps.server.state import ServiceState, alive


@dataclass(frozen=True, slots=True)
class Service:
    """A deployed service."""

    folder: ServiceFolder
    state: ServiceState | None
    """What its process last said; ``None`` when it left nothing."""
    running: bool

    @property
    def name(self) -> str:
        """The service's name."""
        return self.folder.name

    @property
    def cause(self) -> str | None:
        """Why it does not run: its own words, else how its process ended."""
        if self.state is None or self.running:
            return None
        if self.state.error is not None:
            return self.state.error
        return recorded_exit(self.folder.exit_code) if self.status == "crashed" else None

    @property
    def status(self) -> str:
        """The phase while it runs; else ``stopped``, ``failed`` or ``crashed``."""
        if self.state is None:
            return "stopped"
        if self.running or self.state.phase in ("stopped", "failed"):
            return self.state.phase
        return "crashed"


def inspect(folder: ServiceFolder) -> Service:
    """Look at one service; one whose state can't be read counts as not running."""
    try:
        state = ServiceState.read(folder.state)
    except DeployError:
        state = None
    return Service(folder, state, running=state is not None and alive(state))


def services() -> list[Service]:
    """Return every deployed service, by name."""
    return [inspect(folder) for folder in all_folders()]


def running_names() -> list[str]:
    """Return the names of the services that run."""
    return [service.name for service in services() if service.running]


def find(name: str) -> Service:
    """Return the service called ``name``.

    Raises:
        DeployError: No such service was deployed; the text names the running ones.
    """
    folder = ServiceFolder.of(name)
    if folder.root.is_dir():
        return inspect(folder)
    running = running_names()
    listed = f"running: {', '.join(running)}" if running else "no service is running"
    raise DeployError(f"no service is called {name!r}{hint(name, running)}; {listed}")
