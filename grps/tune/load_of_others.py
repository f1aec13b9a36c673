"""How much of the machine others use, and who they are."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

STAT = Path("/proc/stat")
_BUSY = ("user", "nice", "system", "steal")
"""Interrupts are left out: those of the network are for the requests that are measured."""
_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_SHOWN = 3
_LEAST_S = 0.02
_PIECES = 10
"""Of the fixed work, with pauses between them."""
_SERVING_THREADS = "grps-io"
"""Their name, which ``crates/grps-server/src/data_plane.rs`` gives them."""
_CPU_FIELDS = slice(11, 13)
"""User and system time in a thread's ``stat``, after the name."""


@dataclass(frozen=True, slots=True)
class Use:
    """Processors that were used in a time.

    Attributes:
        seconds: The time.
        others: Processors that other processes, and other machines on this host, kept busy.
        steal: The part of it that the host gave to other machines.
        names: Who used most, with their processors.
    """

    seconds: float
    others: float
    steal: float
    names: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    busy_s: float
    steal_s: float
    own_s: float
    by_process: dict[tuple[int, float], tuple[str, float]]


class Watch:
    """Compares the machine at two times."""

    def __init__(self, *, names: bool = True) -> None:
        """Begin.

        Args:
            names: Whether the processes are looked at one by one, which takes some milliseconds.
        """
        self._names = names
        self._before = _read(names)

    def used(self) -> Use:
        """Return what others have used since the begin."""
        before, after = self._before, _read(self._names)
        seconds = max(after.at - before.at, 1e-3)
        own = after.own_s - before.own_s
        others = max(0.0, after.busy_s - before.busy_s - own) / seconds
        steal = max(0.0, after.steal_s - before.steal_s) / seconds
        used = [
            (name, (cpu_s - before.by_process.get(key, ("", 0.0))[1]) / seconds)
            for key, (name, cpu_s) in after.by_process.items()
        ]
        busiest = sorted((one for one in used if one[1] > _LEAST_S), key=lambda one: -one[1])
        return Use(seconds, others, steal, tuple(busiest[:_SHOWN]))


def describe(use: Use) -> str:
    """Say who used the machine."""
    names = [f"{name} ({cpus:.2f})" for name, cpus in use.names]
    if use.steal > _LEAST_S:
        names.append(f"other machines on this host ({use.steal:.2f})")
    if use.others - use.steal > 2 * sum(cpus for _, cpus in use.names):
        names.append("processes that have ended, or that are not visible here")
    who = ", ".join(names) or "nobody in particular"
    return f"others used {use.others:.2f} CPUs: {who}"


def _read(names: bool) -> _Reading:
    ticks = os.sysconf("SC_CLK_TCK")
    values = STAT.read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    seconds = dict(zip(_FIELDS, (int(value) / ticks for value in values), strict=False))
    own = list(_own_processes())
    busy_s = sum(seconds.get(field, 0.0) for field in _BUSY)
    by_process = _others({process.pid for process in own}) if names else {}
    own_s = sum(_cpu_s(process, ended=True) for process in own)
    return _Reading(time.monotonic(), busy_s, seconds.get("steal", 0.0), own_s, by_process)


def _own_processes() -> Iterator[psutil.Process]:
    own = psutil.Process()
    yield own
    yield from own.children(recursive=True)


def _cpu_s(process: psutil.Process, *, ended: bool) -> float:
    """Return the CPU time of a process, with that of its children that have ended or without."""
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    used: float = times.user + times.system
    return used + times.children_user + times.children_system if ended else used


def _others(own: set[int]) -> dict[tuple[int, float], tuple[str, float]]:
    found = {}
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        try:
            key = (process.pid, process.create_time())
            found[key] = (f"{process.name()} {process.pid}", _cpu_s(process, ended=False))
        except psutil.Error:
            continue
    return found


def service_cpu_s(pid: int) -> float:
    """Return the CPU time of a service and its workers."""
    try:
        server = psutil.Process(pid)
        processes = [server, *server.children(recursive=True)]
    except psutil.Error:
        return 0.0
    return sum(_cpu_s(process, ended=True) for process in processes)


def serving_cpu_s(pid: int) -> float:
    """Return the CPU time of a service's threads that read, decode and encode; 0 without one."""
    ticks, found = os.sysconf("SC_CLK_TCK"), 0
    for thread in Path(f"/proc/{pid}/task").glob("*/stat"):
        with suppress(OSError):
            name, _, fields = thread.read_text(encoding="utf-8").rpartition(")")
            if name.endswith(f"({_SERVING_THREADS}"):
                found += sum(int(one) for one in fields.split()[_CPU_FIELDS])
    return found / ticks


def calibrate(seconds: float) -> float:
    """Return how long a fixed piece of work takes, in milliseconds: the fastest of some in a time.

    Args:
        seconds: The time. Speed that comes and goes within it makes no difference.
    """
    times = []
    for _ in range(_PIECES):
        began = time.perf_counter()
        total = 0
        for number in range(200_000):
            total += number
        times.append((time.perf_counter() - began) * 1000)
        time.sleep(seconds / _PIECES)
    return min(times)
