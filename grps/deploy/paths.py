"""Where services live: ``$GRPS_HOME/<name>``, by default ``~/.grps/<name>``."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grps.errors import ConfigError, DeployError, HomeError
from grps.server.configuration import load_server
from grps.server.output_file import OUTPUT_NAME

DEFAULT_NAME = "my_grps"
NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
HOME_VARIABLE = "GRPS_HOME"
HOME_ADVICE = f"set {HOME_VARIABLE} to a folder that you may write to"


def home() -> Path:
    """Return the folder that holds all services of this user.

    Raises:
        HomeError: It is not known: the user has no home folder.
    """
    given = os.environ.get(HOME_VARIABLE)
    try:
        return Path(given).expanduser().absolute() if given else Path.home() / ".grps"
    except (RuntimeError, OSError) as error:
        cause = f"{HOME_VARIABLE} is {given!r}, which leads nowhere"
        if not given:
            cause = f"HOME is not set and user id {os.getuid()} has no entry in the user database"
        text = f"the folder of services is not known: {cause}; {HOME_ADVICE}"
        raise HomeError(text) from error


def use_temporary_home() -> Path | None:
    """Put services into a folder of this user in ``TMPDIR`` where the home folder can't be used.

    This is for a server in the foreground, which runs in containers under any user id. A value of
    ``GRPS_HOME`` is kept: it is used or refused.

    Returns:
        The folder; ``None`` where the usual one can be used.

    Raises:
        HomeError: There is no safe folder in ``TMPDIR`` either.
    """
    if os.environ.get(HOME_VARIABLE):
        return None
    try:
        usual = home()
        usual.mkdir(parents=True, exist_ok=True)
        if _writable(usual):
            return None
    except (HomeError, OSError):
        pass
    with naming_home():
        made = Path(tempfile.gettempdir()) / f"grps-{os.getuid()}"
        made.mkdir(mode=0o700, exist_ok=True)
        found = made.lstat()
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not private or found.st_uid != os.getuid():
        raise HomeError(f"{made} is not a folder that only this user may use; {HOME_ADVICE}")
    os.environ[HOME_VARIABLE] = str(made)
    return made


@contextmanager
def naming_home() -> Iterator[None]:
    """Turn a failure to write the folder of services into an error that says what to do.

    Raises:
        HomeError: The block raised an ``OSError``.
    """
    try:
        yield
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        text = f"the folder of services can't be written: {where}{error.strerror or error}"
        raise HomeError(f"{text}; {HOME_ADVICE}") from error


def check_writable(folder: ServiceFolder) -> None:
    """Check that the parts of a service folder that are there can be written.

    Raises:
        HomeError: One can't.
    """
    parts = (folder.inference_conf.parent, folder.state.parent, folder.output.parent)
    for part in (folder.root, *parts):
        if part.exists() and not (part.is_dir() and _writable(part)):
            raise HomeError(
                f"the service folder can't be written: {part}; choose another --name, or "
                f"{HOME_ADVICE}"
            )


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


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
    def exit_code(self) -> Path:
        """How the latest server process ended; written by the shell that ran it."""
        return self.root / "run" / "exit_code"

    @property
    def record(self) -> Path:
        """What the folder was made of."""
        return self.root / "run" / "deployment.json"

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
    try:
        names = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise HomeError(
            f"the folder of services can't be read: {root}: {error.strerror}; {HOME_ADVICE}"
        ) from error
    return [
        ServiceFolder(n, root / n) for n in names if not n.startswith(".") and NAME.fullmatch(n)
    ]
