"""Removes the folders of stopped services."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from grps.deploy.paths import ServiceFolder, home, naming_home
from grps.deploy.supervision.lock import hold
from grps.deploy.supervision.services import find
from grps.errors import DeployError

PARTS = frozenset(("conf", "logs", "run", "env", "project"))
"""What a service folder consists of, besides names that begin with a dot."""


def remove(name: str) -> Path:
    """Remove the folder of a service that does not run; return where it was.

    What the folder refers to stays: model files, projects, logs elsewhere.

    Raises:
        DeployError: There is no such service, it runs, or its folder has something that the tool
            did not make.
    """
    find(name)
    with hold(name, "stop"):
        service = find(name)
        if service.running:
            raise DeployError(
                f"service {name!r} runs ({service.status}); stop it with: grpst stop {name}, "
                "or use --force"
            )
        root = service.folder.root
        _check_parts(service.folder)
        with naming_home():
            if root.is_symlink():
                root.unlink()
                return root
            # At once: a folder that is partly removed would be listed as a service.
            removed = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=home())) / "removed"
            root.rename(removed)
            shutil.rmtree(removed.parent)
    return root


def _check_parts(folder: ServiceFolder) -> None:
    """Refuse a folder that holds something of the user's."""
    found = {path.name for path in folder.root.iterdir() if not path.name.startswith(".")}
    known = set(PARTS)
    if folder.log_dir.is_relative_to(folder.root):
        known.update(folder.log_dir.relative_to(folder.root).parts[:1])
    if found and not found & {"conf", "run"}:
        raise DeployError(f"{folder.root} is not the folder of a service; it is left as it is")
    if foreign := sorted(found - known):
        raise DeployError(
            f"{folder.root} has something that grpst did not make: {', '.join(foreign)}; move it "
            "away, or remove the folder yourself"
        )
