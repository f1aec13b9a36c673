"""The flags of the serve verbs that only some engines have, made of the engines' declarations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import click

from grps.backends.engine import Engine, Flag
from grps.backends.gpu_memory import LIMITED
from grps.backends.table import ENGINES
from grps.cli.serving import flag_checks

Option = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class EngineFlag:
    """A flag and the engines that have it."""

    engines: tuple[str, ...]
    option: Option
    is_argument: bool = False
    """Whether it sets the key of ``inferer_args`` with its name."""


def options_of(engines: Iterable[str]) -> list[Option]:
    """Return the options that at least one of ``engines`` has."""
    wanted = set(engines)
    return [flag.option for flag in ENGINE_FLAGS.values() if wanted & set(flag.engines)]


def refuse_flags_of_others(engine: str, given: set[str], memory_limit_mib: int = -1) -> None:
    """Refuse flags that the engine of a model does not have.

    Args:
        engine: The engine.
        given: Names of the flags that were given.
        memory_limit_mib: The limit of GPU memory, -1 for none.

    Raises:
        click.UsageError: One was given.
    """
    if memory_limit_mib > 0 and engine not in LIMITED:
        raise click.UsageError(
            f"--gpu_mem_limit_mib can't be kept for {engine} models, but for {', '.join(LIMITED)}"
        )
    for name, flag in ENGINE_FLAGS.items():
        if name in given and engine not in flag.engines:
            owners = " and ".join(flag.engines)
            raise click.UsageError(f"--{name} is for {owners} models; this is served by {engine}")


def _engine_flags() -> Mapping[str, EngineFlag]:
    """Return the flags by name in the order of the help: keys of the model, memory, arguments."""
    declared: dict[str, tuple[Flag, tuple[str, ...]]] = {}
    for engine in ENGINES.values():
        for flag in engine.flags:
            known = declared.get(flag.name, (flag, ()))
            declared[flag.name] = (known[0], (*known[1], engine.name))
    made = {
        name: EngineFlag(owners, _option(flag, owners), flag.is_argument)
        for name, (flag, owners) in declared.items()
    }
    keys = {name: flag for name, flag in made.items() if not flag.is_argument}
    return {**keys, **_memory_flags(), **made}


def _option(flag: Flag, owners: tuple[str, ...]) -> Option:
    engines = f"{owners[0]} only" if len(owners) == 1 else ", ".join(owners)
    text = f"{flag.help} ({engines})."
    if flag.default_text:
        text += f"  [default: {flag.default_text}]"
    name = f"--{flag.name}"
    if flag.kind == "switch":
        return click.option(name, is_flag=True, help=text)
    if flag.kind == "number":
        number = click.IntRange(1, flag.most)
        return click.option(name, type=number, default=flag.default, show_default=True, help=text)
    if flag.kind == "device":
        return click.option(name, callback=flag_checks.device, help=text)
    return click.option(name, help=text)


def _memory_flags() -> dict[str, EngineFlag]:
    """Return the flags of engines that give unused GPU memory back."""
    owners = tuple(name for name, memory in LIMITED.items() if memory.can_collect)
    engines = ", ".join(owners)
    enable = click.option(
        "--gpu_mem_gc_enable",
        is_flag=True,
        help=f"Give unused GPU memory back now and then ({engines}).",
    )
    interval = click.option(
        "--gpu_mem_gc_interval",
        type=click.IntRange(min=1),
        default=60,
        show_default=True,
        help=f"Seconds between two rounds of that ({engines}).",
    )
    return {
        "gpu_mem_gc_enable": EngineFlag(owners, enable),
        "gpu_mem_gc_interval": EngineFlag(owners, interval),
    }


ENGINE_FLAGS = _engine_flags()
ARGUMENTS = tuple(name for name, flag in ENGINE_FLAGS.items() if flag.is_argument)
"""Flags that are ``inferer_args`` of the same name."""
LOADING = tuple(name for name in ENGINE_FLAGS if not name.startswith("gpu_mem_"))
"""Flags that say how a model is loaded."""
GPU_FLAGS = ("gpu_devices_idx", "gpu_mem_limit_mib", "gpu_mem_gc_enable", "gpu_mem_gc_interval")


def has_flag(engine: Engine, name: str) -> bool:
    """Return whether an engine has a flag."""
    return any(flag.name == name for flag in engine.flags)
