"""CPU time and memory of one server's whole process tree, read from /proc."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
CPU_CLOCK = 2
"""The kind of clock that counts the time of a process on processors (CPUCLOCK_SCHED)."""


@dataclass
class Stat:
    """The fields of /proc/PID/stat that are used here."""

    state: str
    parent: int
    session: int
    start: int
    cpu_ticks: int
    reaped_ticks: int
    rss_pages: int


def read_stats() -> dict[int, Stat]:
    """Read /proc/*/stat of all processes."""
    found = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            text = Path("/proc", name, "stat").read_bytes()
        except OSError:
            continue
        parts = text[text.rindex(b")") + 2 :].split()
        found[int(name)] = Stat(
            state=parts[0].decode(),
            parent=int(parts[1]),
            session=int(parts[3]),
            start=int(parts[19]),
            cpu_ticks=sum(int(p) for p in parts[11:13]),
            reaped_ticks=sum(int(p) for p in parts[13:15]),
            rss_pages=int(parts[21]),
        )
    return found


def machine_cpu() -> tuple[float, float]:
    """Return the machine's busy and stolen CPU seconds since boot."""
    with open("/proc/stat") as stat:
        values = [int(v) / TICK for v in stat.readline().split()[1:9]]
    user, nice, system, _, _, irq, softirq, steal = values
    return user + nice + system + irq + softirq, steal


def own_cpu(pid: int, stat: Stat) -> float:
    """Return CPU seconds of all threads of a process, exact where its clock can be read."""
    try:
        return time.clock_gettime(~pid << 3 | CPU_CLOCK)
    except OSError:
        return stat.cpu_ticks / TICK


class ProcessTree:
    """All processes of one launcher.

    A process belongs to the tree when it descends from the first process,
    shares its session, or carries our tag in its environment.
    """

    def __init__(self, pid: int, tag: str) -> None:
        self.pid = pid
        self.tag = tag.encode()
        self.peak_rss = 0
        self._tagged: dict[tuple[int, int], bool] = {}
        self._stop = threading.Event()

    def _has_tag(self, pid: int, start: int) -> bool:
        key = (pid, start)
        if key not in self._tagged:
            try:
                environ = Path(f"/proc/{pid}/environ").read_bytes()
            except OSError:
                environ = b""
            self._tagged[key] = self.tag in environ
        return self._tagged[key]

    def members(self) -> dict[int, Stat]:
        """Return the current members of the tree."""
        stats = read_stats()
        mine = {
            pid
            for pid, s in stats.items()
            if self.pid in (pid, s.session) or self._has_tag(pid, s.start)
        }
        grown = True
        while grown:
            children = {p for p, s in stats.items() if s.parent in mine} - mine
            mine |= children
            grown = bool(children)
        mine.discard(os.getpid())
        return {pid: stats[pid] for pid in mine if pid in stats}

    def cpu(self) -> float:
        """Return CPU seconds used so far, with reaped children."""
        members = self.members()
        reaped = sum(s.reaped_ticks for s in members.values()) / TICK
        return reaped + sum(own_cpu(pid, s) for pid, s in members.items())

    def first_cpu(self) -> float:
        """Return CPU seconds that the first process alone has used."""
        first = self.members().get(self.pid)
        return own_cpu(self.pid, first) if first else 0.0

    def rss(self) -> int:
        """Return the summed resident size in bytes and keep its peak."""
        total = sum(s.rss_pages for s in self.members().values()) * PAGE
        self.peak_rss = max(self.peak_rss, total)
        return total

    def pss(self) -> int:
        """Return the summed proportional size in bytes."""
        return sum(self._pss_lines()) * 1024

    def _pss_lines(self) -> Iterator[int]:
        for pid in self.members():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        yield int(line.split()[1])

    def watch(self) -> None:
        """Sample the resident size twice a second in the background."""

        def loop() -> None:
            while not self._stop.wait(0.5):
                self.rss()

        threading.Thread(target=loop, daemon=True).start()

    def living(self) -> list[int]:
        """Return the members that are not zombies."""
        return [pid for pid, s in self.members().items() if s.state != "Z"]

    def kill(self) -> None:
        """Stop every member, gently first."""
        self._stop.set()
        with contextlib.suppress(OSError):
            os.kill(self.pid, signal.SIGTERM)
        deadline = time.monotonic() + 8
        while time.monotonic() < deadline and self.living():
            time.sleep(0.2)
        for sig in (signal.SIGTERM, signal.SIGKILL, signal.SIGKILL):
            left = self.living()
            if not left:
                return
            for pid in left:
                with contextlib.suppress(OSError):
                    os.kill(pid, sig)
            time.sleep(1.0)
