"""What this machine has for serving models, and what is wrong with it."""

from __future__ import annotations

import importlib.util
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import msgspec
import psutil

from grps.backends.common.probe import Probe
from grps.backends.environment import prepare_environment
from grps.backends.table import ENGINES
from grps.config.schema import ServerConfig
from grps.converters.table import CONVERTERS
from grps.deploy.paths import HOME_ADVICE
from grps.deploy.paths import home as services_home
from grps.errors import HomeError
from grps.machine import memory_limit, usable_cpus
from grps.server.native import find_gpus

Verdict = Literal["ok", "absent", "problem"]
PROBE_TIMEOUT_S = 120
AT_ONCE = 2
"""Engines that are tried at the same time; each may take a gigabyte while it loads."""
LEAST_DISK_BYTES = 1 << 30
SPARE_FILES = 64
"""Open files of a service besides its connections."""
_GIB = 1 << 30

FEATURES = {
    **{name: (one.extra, one.packages) for name, one in CONVERTERS.items() if one.packages},
    "customized HTTP": ("http-custom", ("flask",)),
}
"""What needs packages of its own: the extra that brings them, and what they are imported as."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of the examination."""

    section: str
    name: str
    text: str
    """What was found."""
    verdict: Verdict = "ok"
    advice: str = ""
    """What to do, when something is absent or wrong."""


def examine(on_progress: Callable[[str], None]) -> Iterator[Finding]:
    """Look at the machine, its GPUs, the engines and the packages of converters.

    Args:
        on_progress: Receives what is examined, as loading an engine may take long.
    """
    prepare_environment()
    yield from _machine()
    gpus = list(_gpus())
    yield from gpus
    yield from _engines(any(one.verdict == "ok" for one in gpus), on_progress)
    yield from _features()
    yield from _rivals()


def _machine() -> Iterator[Finding]:
    section = "machine"
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Finding(section, "system", f"{kernel}, Python {platform.python_version()}")
    cpus, here = usable_cpus(), os.cpu_count() or 1
    limited = "" if cpus == here else f" of {here}; a container or an affinity mask limits them"
    yield Finding(section, "processors", f"{cpus} usable{limited}")
    limit, total = memory_limit(), psutil.virtual_memory().total
    limited = "" if limit == total else f" of {total / _GIB:.1f} GiB; a container limits it"
    free = psutil.virtual_memory().available
    yield Finding(
        section, "memory", f"{limit / _GIB:.1f} GiB usable{limited} ({free / _GIB:.1f} GiB free)"
    )
    yield _open_files(section)
    yield _home(section)
    compiler = shutil.which("c++") or shutil.which("g++")
    yield (
        Finding(section, "C++ compiler", compiler)
        if compiler
        else Finding(
            section,
            "C++ compiler",
            "none",
            "absent",
            "needed for inferer_args compile of torch only; on Debian: apt-get install g++",
        )
    )


def _open_files(section: str) -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ServerConfig().max_connections + SPARE_FILES
    # A service raises the soft limit to the hard one.
    if hard == resource.RLIM_INFINITY or hard >= wanted:
        return Finding(section, "open files", "no limit" if hard < 0 else f"at most {hard}")
    advice = f"max_connections is {wanted - SPARE_FILES} by default; run: ulimit -Hn {wanted}"
    return Finding(section, "open files", f"at most {hard} (soft limit {soft})", "problem", advice)


def _home(section: str) -> Finding:
    try:
        home = there = services_home()
    except HomeError as error:
        return Finding(section, "services", str(error), "problem", HOME_ADVICE)
    while not os.path.lexists(there):
        there = there.parent
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        return Finding(section, "services", f"{home} can't be written", "problem", HOME_ADVICE)
    free = shutil.disk_usage(there).free
    text = f"{home} ({free / _GIB:.1f} GiB free)"
    if free < LEAST_DISK_BYTES:
        advice = "logs and archives need room; free some, or set GRPS_HOME to another disk"
        return Finding(section, "services", text, "problem", advice)
    return Finding(section, "services", text)


def _gpus() -> Iterator[Finding]:
    section = "GPUs"
    try:
        driver, gpus = find_gpus()
    except OSError as error:
        if any(Path("/dev").glob("nvidia[0-9]*")):
            advice = "the devices are there but the driver's library is not; check nvidia-smi"
            yield Finding(section, "driver", f"no NVIDIA driver: {error}", "problem", advice)
        else:
            yield Finding(section, "driver", "no NVIDIA driver, no GPU", "absent")
        return
    yield Finding(section, "driver", f"NVIDIA {driver}")
    for number, name, used, total in gpus:
        text = f"{name}, {total / _GIB:.1f} GiB ({used / _GIB:.1f} GiB in use)"
        yield Finding(section, f"cuda:{number}", text)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and gpus:
        advice = "unset it to use all GPUs; engines number the visible ones from 0"
        verdict: Verdict = "problem" if hidden in ("", "-1") else "ok"
        yield Finding(section, "visible", f"CUDA_VISIBLE_DEVICES={hidden}", verdict, advice)


def _engines(has_gpu: bool, on_progress: Callable[[str], None]) -> Iterator[Finding]:
    found: dict[str, Finding] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = {pool.submit(_engine, name, has_gpu): name for name in ENGINES}
        for done in as_completed(running):
            found[running[done]] = done.result()
            waiting = [name for name in ENGINES if name not in found]
            on_progress(f"engines: {', '.join(waiting)}" if waiting else "")
    yield from (found[name] for name in ENGINES)


def _engine(name: str, has_gpu: bool) -> Finding:
    section = "engines"
    install = f"pip install 'grpst[{ENGINES[name].extra}]'"
    if importlib.util.find_spec(ENGINES[name].package) is None:
        return Finding(section, name, "not installed", "absent", install)
    command = [sys.executable, "-m", "grps.backends.probe", name, *(["--gpu"] if has_gpu else [])]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        text = f"does not load within {PROBE_TIMEOUT_S} s"
        return Finding(section, name, text, "problem", f"try: python -c 'import {name}'")
    if ran.returncode != 0:
        lines = [line for line in ran.stderr.splitlines() if line.strip()]
        cause = lines[-1] if lines else f"ended with {ran.returncode}"
        advice = f"it is installed but broken; run: {install} --force-reinstall"
        return Finding(section, name, f"can't be loaded: {cause}", "problem", advice)
    # Engines may print to standard output too; the answer is the last line.
    probe = msgspec.json.decode(ran.stdout.splitlines()[-1], type=Probe)
    text = f"{probe.version} on {', '.join(probe.devices) or 'no device'}"
    text = f"{text} ({probe.detail})" if probe.detail else text
    return Finding(section, name, text, "problem" if probe.trouble else "ok", probe.trouble)


def _features() -> Iterator[Finding]:
    section = "converters and code"
    for name, (extra, modules) in FEATURES.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            text = f"not installed: {', '.join(missing)}"
            yield Finding(section, name, text, "absent", f"pip install 'grpst[{extra}]'")
        else:
            yield Finding(section, name, "installed")


def _rivals() -> Iterator[Finding]:
    """Report distributions that overwrite each other's files."""
    pairs = (
        (engine.distributions[0], other)
        for engine in ENGINES.values()
        for other in engine.distributions[1:]
    )
    for first, second in pairs:
        if _is_installed(first) and _is_installed(second):
            text = f"{first} and {second} are both installed and overwrite each other's files"
            advice = f"pip uninstall -y {first} {second}, then install the one you want"
            yield Finding("packages", first, text, "problem", advice)


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True
