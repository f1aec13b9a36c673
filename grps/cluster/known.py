"""The cluster that this machine knows."""

from __future__ import annotations

from pathlib import Path

import msgspec

from grps.deploy.paths import home
from grps.server.files import write_atomically

FOLDER = ".cluster"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster that ``grpst cluster up`` has started, or was connected to."""

    kind: str
    """``local`` or ``ray``."""
    address: str = ""
    """Of Ray's control plane."""
    token_file: str = ""
    """Ray's token."""
    keeper_pid: int = 0
    """The process that runs Ray on this machine, if this tool started it; else 0."""
    keeper_create_time: float = 0.0


def cluster_folder() -> Path:
    """Return the folder with everything that this machine knows of its cluster."""
    return home() / FOLDER


def remember(known: Known) -> None:
    """Note the cluster for the next commands."""
    write_atomically(cluster_folder() / "cluster.json", msgspec.json.encode(known))


def forget() -> None:
    """Forget the cluster."""
    (cluster_folder() / "cluster.json").unlink(missing_ok=True)


def known_cluster() -> Known | None:
    """Return the cluster that was noted."""
    try:
        return msgspec.json.decode((cluster_folder() / "cluster.json").read_bytes(), type=Known)
    except (OSError, msgspec.MsgspecError):
        return None
