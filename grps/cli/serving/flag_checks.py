"""Checks of flag values that click has no type for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from grps.backends.common.device import parse_device
from grps.config.document import plain_value, short
from grps.config.ports import parse_ports
from grps.config.routes import path_fault
from grps.deploy.paths import check_name
from grps.errors import ConfigError, DeployError, DeviceError
from grps.server.files import absolute

NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
DEFINE = re.compile(r"[A-Za-z0-9_.-]+(:[A-Z]+)?=")
PATH_ARGUMENTS = {"labels"}
"""Arguments that are files."""


def ports(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    """Read ``7080`` or ``7080,7081``."""
    try:
        return parse_ports(value)
    except ValueError as error:
        raise click.BadParameter(f"{error}; write 7080 or 7080,7081") from error


def optional_ports(
    context: click.Context, parameter: click.Parameter, value: str | None
) -> str | None:
    """Check ports that may be left out, and leave them as they are written."""
    if value is not None:
        ports(context, parameter, value)
    return value


def service_name(_: click.Context, __: click.Parameter, value: str) -> str:
    """Check the name of a service."""
    try:
        return check_name(value)
    except DeployError as error:
        raise click.BadParameter(str(error)) from error


def plain_name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Check the name or version of a model."""
    if value is not None and not NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not 1 to 128 letters, digits, '.', '_' or '-'")
    return value


def device(_: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Check a device, or several split by comma; empty means not given."""
    if not value:
        return None
    inputs = parameter.name == "inp_device"
    try:
        for part in [value] if inputs else value.split(","):
            if not part.strip():
                raise DeviceError(f"{value!r} has an empty place in it")
            place = parse_device(part)
            if inputs and place.kind == "original":
                raise DeviceError("original is no place for inputs")
    except DeviceError as error:
        raise click.BadParameter(str(error)) from error
    return value


def arguments(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> dict[str, Any]:
    """Read ``KEY=VALUE`` pairs, whose values are written as in YAML; files become absolute."""
    found: dict[str, Any] = {}
    for pair in value:
        key, equals, text = pair.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE")
        if key in found:
            raise click.BadParameter(f"{key} is given twice")
        try:
            found[key] = plain_value(text, key)
        except ConfigError as error:
            raise click.BadParameter(f"{key}: {short(text)} is no value of YAML") from error
    for key in PATH_ARGUMENTS & found.keys():
        file = _expanded(str(found[key]))
        if not file.is_file():
            raise click.BadParameter(f"{key}: there is no file {str(file)!r}")
        found[key] = str(absolute(file))
    return found


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise click.BadParameter(
            f"{path!r}: no home folder is known; write the path out"
        ) from error


def indices(_: click.Context, __: click.Parameter, value: str) -> tuple[int, ...]:
    """Read GPU numbers split by comma."""
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise click.BadParameter(f"{value!r} is not GPU numbers such as 0 or 0,1")
    return tuple(int(part) for part in parts)


def paths(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    """Read paths of files split by comma; they must exist."""
    found = [_expanded(part.strip()) for part in value.split(",") if part.strip()]
    for path in found:
        if not path.is_file():
            raise click.BadParameter(f"there is no file {str(path)!r}")
    return tuple(str(absolute(path)) for path in found)


def route(_: click.Context, __: click.Parameter, value: str) -> str | None:
    """Check the path of an HTTP route; empty means not given."""
    fault = path_fault(value) if value else None
    if fault is not None:
        raise click.BadParameter(fault)
    return value or None


def limit(_: click.Context, __: click.Parameter, value: int) -> int:
    """Check a limit of which -1 means none."""
    if value != -1 and value < 1:
        raise click.BadParameter(f"{value} is neither -1 (no limit) nor 1 or more")
    return value


def one_process(_: click.Context, __: click.Parameter, value: int) -> int:
    """Refuse to start several processes by MPI."""
    if value != 1:
        raise click.BadParameter(f"{value} processes are not available in this version; use 1")
    return value


def no_output(_: click.Context, __: click.Parameter, value: str | None) -> None:
    """Refuse to write an archive."""
    if value:
        raise click.BadParameter("the serve verbs write no archive; leave the flag out")


def cmake_defines(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Check variables of CMake."""
    for value in values:
        if not DEFINE.match(value):
            raise click.BadParameter(f"{value!r} is not NAME=VALUE, such as BUILD_TESTING=OFF")
    return values
