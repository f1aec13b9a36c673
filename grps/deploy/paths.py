"""Where services live: ``$GRPS_HOME/<name>``, by default ``~/.grps/<name>``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from grps.errors import ConfigError, DeployError
from grps.server.configuration import load_server
from grps.server.output_file import OUTPUT_NAME

DEFAULT_NAME = "my_grps"
NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")


def home() -> Path:
    """Return the folder that holds all services of this user."""
    given = os.environ.get("GRPS_HOME")
    return Path(given).expanduser().absolute() if given else Path.home() / ".grps"


def check_name(name: str) -> str:
    """Return ``name`` if a service may be called so.

    Raises:
        DeployError: It has other characters, is too long, or starts with a dot (such folders
            are the tool's own).
    """
    if not NAME.fullmatch(name) or name.startswith("."):
        raise DeployError(
            f"{name!r} can't be a service name; use 1 to 128 letters, digits, '.', '_' or '-', "
            "not starting with '.'"
        )
    return name


@dataclass(frozen=True, slots=True)
class ServiceFolder:
    """The folder of one service and the places inside it."""

    name: str
    root: Path

    @classmethod
    def of(cls, name: str) -> ServiceFolder:
        """Return the folder of the service called ``name``, which need not exist yet.

        Raises:
            DeployError: The name is not allowed.
        """
        return cls(check_name(name), home() / name)

    @property
    def inference_conf(self) -> Path:
        """Models and graph."""
        return self.root / "conf" / "inference.yml"

    @property
    def server_conf(self) -> Path:
        """Interface, limits and logs."""
        return self.root / "conf" / "server.yml"

    @property
    def project(self) -> Path:
        """The unpacked project, for a service that was started from an archive."""
        return self.root / "project"

    @property
    def environment(self) -> Path:
        """Python packages of the service's own, if its project needs any."""
        return self.root / "env"

    @property
    def state(self) -> Path:
        """The state of the server process."""
        return self.root / "run" / "state.json"

    @property
    def output(self) -> Path:
        """What the server process writes to stdout and stderr."""
        return self.root / "logs" / OUTPUT_NAME

    @property
    def log_dir(self) -> Path:
        """Where the server writes its logs, as ``server.yml`` says; ``logs`` if that is broken."""
        try:
            return self.root / load_server(self.server_conf).log.log_dir
        except ConfigError:
            return self.root / "logs"


def all_folders() -> list[ServiceFolder]:
    """Return the folder of every service that was ever deployed, by name."""
    root = home()
    if not root.is_dir():
        return []
    names = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    return [
        ServiceFolder(n, root / n) for n in names if not n.startswith(".") and NAME.fullmatch(n)
    ]
