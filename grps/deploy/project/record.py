"""What a service folder was made of: its project, its Python, the configuration as written.

``grpst restart`` starts a service by it, and a later deployment sees which files were edited.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from grps.deploy.paths import ServiceFolder
from grps.errors import ConfigError, DeployError
from grps.server.configuration import parse_server
from grps.server.files import write_atomically


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """The latest deployment of a service."""

    project: str
    """The project's folder; relative to the service folder if it is inside."""
    python: str
    """The interpreter of the server."""
    conf: dict[str, str]
    """SHA-256 of each configuration file as it was written, by file name."""


def read_record(folder: ServiceFolder) -> Record | None:
    """Return the record of a service; ``None`` when there is none that can be read."""
    try:
        return msgspec.json.decode(folder.record.read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None


def project_of(folder: ServiceFolder) -> tuple[Path, str]:
    """Return the project and the Python that a service was deployed with.

    Raises:
        DeployError: One of them is no longer there, or the service was never deployed.
    """
    record = read_record(folder)
    if record is None:
        raise DeployError(
            f"{folder.record} is missing, so it is not known what {folder.name!r} serves; "
            "deploy it again with: grpst start or grpst serve"
        )
    project = folder.root / record.project
    for path in (project, Path(record.python)):
        if not path.exists():
            raise DeployError(
                f"{path} is missing, which {folder.name!r} was deployed with; "
                "deploy it again with: grpst start or grpst serve"
            )
    return project, record.python


def install(
    folder: ServiceFolder, project: Path, python: str, conf: Mapping[str, bytes]
) -> list[str]:
    """Write the configuration of a service and its record. Call it inside ``claim``.

    Args:
        folder: The service.
        project: The project's folder.
        python: The interpreter of the server.
        conf: Contents of the configuration files by file name.

    Returns:
        Notes for the user: which files were edited since they were written, and where they are
        kept.

    Raises:
        DeployError: An edited file has ``auth``, and the new one has none.
    """
    record = read_record(folder)
    written = record.conf if record is not None else {}
    target = folder.inference_conf.parent
    name = folder.server_conf.name
    if name in conf and _is_edited(folder.server_conf, conf[name], written.get(name)):
        _refuse_to_drop_auth(folder, conf[name])
    notes = []
    for name, data in conf.items():
        file = target / name
        if _is_edited(file, data, written.get(name)):
            kept = _unused(file)
            shutil.copy2(file, kept)
            notes.append(
                f"{file} was edited; it is replaced, and the edited file is kept as {kept.name} "
                f"(to serve an edited configuration: grpst restart {folder.name})"
            )
        write_atomically(file, data)
    inside = project.is_relative_to(folder.root)
    made = Record(
        project=str(project.relative_to(folder.root) if inside else project),
        python=python,
        conf={name: _digest(data) for name, data in conf.items()},
    )
    write_atomically(folder.record, msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    return notes


def _refuse_to_drop_auth(folder: ServiceFolder, data: bytes) -> None:
    file = folder.server_conf
    if _has_auth(file.read_bytes(), str(file)) and not _has_auth(data, str(file)):
        raise DeployError(
            f"{file} was edited and has `auth`; the new configuration has none, so anyone could "
            f"call the service. Start it as it is: grpst restart {folder.name}. To start it "
            "without keys, remove `auth` from the file"
        )


def _has_auth(data: bytes, place: str) -> bool:
    try:
        return parse_server(data.decode(), place).auth is not None
    except (ConfigError, UnicodeDecodeError):
        return False


def _is_edited(file: Path, data: bytes, written: str | None) -> bool:
    if not file.is_file():
        return False
    found = file.read_bytes()
    return found != data and _digest(found) != written


def _unused(file: Path) -> Path:
    number = 1
    while (path := file.with_name(f"{file.name}.edited-{number}")).exists():
        number += 1
    return path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
