"""Puts a project into a service folder: from an archive, or by reference to its own folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from grps.config.document import read_text
from grps.config.edit import with_section_value
from grps.deploy.archive.model_archive import is_model_archive
from grps.deploy.archive.unpack import DEFAULT_LIMITS, Limits, unpack
from grps.deploy.paths import ServiceFolder
from grps.deploy.project.environment import prepare_environment
from grps.deploy.project.record import install, project_of
from grps.deploy.project.requirements import read_requirements
from grps.deploy.project.torchserve.project import NO_CHOICES, MarChoices, unpack_as_project
from grps.deploy.supervision.ports import check_ports
from grps.deploy.supervision.supervisor import project_command
from grps.errors import DeployError
from grps.server.configuration import parse_inference, parse_server
from grps.server.files import absolute, write_atomically
from grps.server.project import Project

INCOMING, OUTGOING = ".incoming", ".outgoing"


@dataclass(frozen=True, slots=True)
class Overrides:
    """What stands in for the project's own configuration."""

    inference: Path | None = None
    server: Path | None = None
    host: str | None = None
    port: str | None = None
    """As in ``server.yml``."""
    mar: MarChoices = NO_CHOICES
    """For model archives of TorchServe."""

    def apply(self, name: str, text: str, file: str) -> str:
        """Return the text of a configuration file with the host and the port in it."""
        for key, value in (("host", self.host), ("port", self.port)):
            if value is not None and name == "server.yml":
                text = with_section_value(text, file, "interface", key, value)
        return text


@dataclass(frozen=True, slots=True)
class Reports:
    """Receives the progress."""

    on_bytes: Callable[[str, int, int], None]
    """Takes what is going on, the bytes done and the bytes in all."""
    on_line: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A project that is ready to be started."""

    project: Project
    """Read with the effective configuration."""
    command: list[str]
    """Runs its server."""


def deploy_archive(
    folder: ServiceFolder,
    archive: Path,
    overrides: Overrides,
    reports: Reports,
    limits: Limits = DEFAULT_LIMITS,
) -> Deployment:
    """Unpack an archive into a service folder. Call it inside ``claim``.

    What was deployed there before is replaced at the very end, when nothing can fail any more.

    Raises:
        GrpsError: The archive, its configuration or an override is wrong, a port is taken, or the
            requirements can't be met. What was there before is untouched.
    """
    existed = folder.root.exists()
    incoming = folder.root / INCOMING
    try:
        _clear(folder)
        if is_model_archive(archive):
            unpack_as_project(archive, incoming, overrides.mar, limits, reports.on_bytes)
        else:
            _refuse_mar_choices(overrides, archive)
            unpack(archive, incoming, limits=limits, on_bytes=reports.on_bytes)
        _apply(overrides, incoming)
        python = _check(folder, incoming, reports)
        _swap(folder, incoming)
    except BaseException:
        shutil.rmtree(incoming if existed else folder.root, ignore_errors=True)
        raise
    return _deployment(folder, folder.project, python, folder.project / "conf", reports)


def deploy_folder(
    folder: ServiceFolder, source: Path, overrides: Overrides, reports: Reports
) -> Deployment:
    """Let a service run a project where it is. Call it inside ``claim``.

    Raises:
        GrpsError: Its configuration or an override is wrong, a port is taken, or the requirements
            can't be met.
    """
    _refuse_mar_choices(overrides, source)
    source = absolute(source)
    existed = folder.root.exists()
    conf = folder.root / INCOMING
    try:
        _clear(folder)
        for name, given in _conf_files(overrides, source):
            text = read_text(given)
            _parse(name, text, str(given))
            text = overrides.apply(name, text, str(given))
            write_atomically(conf / "conf" / name, text.encode())
        python = _check(folder, source, reports, conf / "conf")
    except BaseException:
        shutil.rmtree(conf if existed else folder.root, ignore_errors=True)
        raise
    deployment = _deployment(folder, source, python, conf / "conf", reports)
    shutil.rmtree(conf)
    shutil.rmtree(folder.project, ignore_errors=True)
    return deployment


def _refuse_mar_choices(overrides: Overrides, path: Path) -> None:
    if overrides.mar.flags:
        flags = " and ".join(overrides.mar.flags)
        raise DeployError(
            f"{flags}: for model archives of TorchServe only; {path} has a configuration: set it "
            "in conf/inference.yml"
        )


def _conf_files(overrides: Overrides, project: Path) -> tuple[tuple[str, Path], ...]:
    return (
        ("inference.yml", overrides.inference or project / "conf" / "inference.yml"),
        ("server.yml", overrides.server or project / "conf" / "server.yml"),
    )


def _parse(name: str, text: str, file: str) -> None:
    if name == "inference.yml":
        parse_inference(text, file)
    else:
        parse_server(text, file)


def _apply(overrides: Overrides, project: Path) -> None:
    """Check the overrides under their own names, and put them in place of the project's files."""
    for name, given in _conf_files(overrides, project):
        own = project / "conf" / name
        text = read_text(given)
        edited = overrides.apply(name, text, str(given))
        if given != own or edited != text:
            _parse(name, text, str(given))
            write_atomically(own, edited.encode())


def _check(folder: ServiceFolder, project: Path, reports: Reports, conf: Path | None = None) -> str:
    """Check everything that can be wrong before the start; return the Python to use."""
    interface = Project.read(project, conf).server.interface
    check_ports(interface.host, interface.ports)
    requirements = read_requirements(project)
    return prepare_environment(folder.environment, project, requirements, reports.on_line)


def _clear(folder: ServiceFolder) -> None:
    """Take away what an interrupted deployment left, and put back what it took away."""
    outgoing = folder.root / OUTGOING
    if outgoing.exists() and not folder.project.exists():
        outgoing.rename(folder.project)
    for left in folder.root.glob(f"*{INCOMING}*"):
        shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(outgoing, ignore_errors=True)


def _swap(folder: ServiceFolder, incoming: Path) -> None:
    outgoing = folder.root / OUTGOING
    if folder.project.exists():
        folder.project.rename(outgoing)
    try:
        incoming.rename(folder.project)
    except BaseException:
        if outgoing.exists():
            outgoing.rename(folder.project)
        raise
    shutil.rmtree(outgoing, ignore_errors=True)


def _deployment(
    folder: ServiceFolder, project: Path, python: str, conf: Path, reports: Reports
) -> Deployment:
    names = (folder.inference_conf.name, folder.server_conf.name)
    for note in install(folder, project, python, {n: (conf / n).read_bytes() for n in names}):
        reports.on_line(f"note: {note}")
    return _read_deployment(folder, project, python)


def deployed(folder: ServiceFolder) -> Deployment:
    """Return what a service folder has, with its configuration as it is now.

    Raises:
        ConfigError: The configuration is wrong.
        DeployError: It is not known what the service was made of, or that is no longer there.
    """
    project, python = project_of(folder)
    return _read_deployment(folder, project, python)


def listen_on(folder: ServiceFolder, host: str | None, port: str | None) -> None:
    """Write another host or port into the configuration of a service. Call it inside ``claim``.

    Raises:
        ConfigError: The configuration is wrong.
    """
    text = read_text(folder.server_conf)
    edited = Overrides(host=host, port=port).apply("server.yml", text, str(folder.server_conf))
    if edited != text:
        _parse("server.yml", edited, str(folder.server_conf))
        write_atomically(folder.server_conf, edited.encode())


def _read_deployment(folder: ServiceFolder, project: Path, python: str) -> Deployment:
    read = Project.read(project, folder.inference_conf.parent)
    return Deployment(read, project_command(folder, project, python))
