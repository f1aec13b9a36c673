"""Other load on the machine."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from grps.tune import BusyMachineError, load_of_others, quiet
from grps.tune.load_of_others import Use, Watch, describe, service_cpu_s, serving_cpu_s
from grps.tune.quiet import Ending, QuietCheck

SPIN = "while True: pass"
SPIN_TO_SERVE = f"open('/proc/thread-self/comm', 'w').write('grps-io')\n{SPIN}"


@pytest.fixture
def spinner() -> Iterator[subprocess.Popen[bytes]]:
    """A process that keeps a processor busy."""
    process = subprocess.Popen([sys.executable, "-c", SPIN])
    yield process
    process.kill()
    process.wait()


def busy_for(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until a process has used some CPU time."""
    wanted = psutil.Process(process.pid).cpu_times().user + seconds
    while psutil.Process(process.pid).cpu_times().user < wanted:
        time.sleep(0.01)


def test_children_are_not_others(spinner: subprocess.Popen[bytes]) -> None:
    watch = Watch()
    before_s = service_cpu_s(spinner.pid)
    busy_for(spinner, 0.3)
    assert not any(str(spinner.pid) in name for name, _ in watch.used().names)
    assert service_cpu_s(spinner.pid) - before_s > 0.25


@pytest.mark.parametrize(("code", "serves"), [(SPIN, False), (SPIN_TO_SERVE, True)])
def test_only_threads_that_serve_count_as_serving(code: str, serves: bool) -> None:
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        busy_for(process, 0.3)
        found = serving_cpu_s(process.pid)
        process.kill()
    assert (found > 0.25) if serves else (found == 0.0)
    assert serving_cpu_s(process.pid) == 0.0


def test_others_are_named(
    spinner: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_of_others, "_own_processes", lambda: iter([psutil.Process()]))
    watch = Watch()
    busy_for(spinner, 0.5)
    use = watch.used()
    assert use.others > 0.0
    text = describe(Use(use.seconds, use.others, 0.5, use.names))
    assert str(spinner.pid) in text or len(use.names) == 3
    assert "other machines on this host (0.50)" in text


def check(
    monkeypatch: pytest.MonkeyPatch, others: tuple[float, float], work_ms: tuple[float, float]
) -> QuietCheck:
    """A check on which others use so much at first and later, and the work takes so long."""
    uses, works = iter(Use(1.0, one, 0.0) for one in others), iter(work_ms)

    class Told:
        def used(self) -> Use:
            return next(uses)

    monkeypatch.setattr(quiet, "Watch", Told)
    monkeypatch.setattr(quiet, "calibrate", lambda seconds: next(works))
    monkeypatch.setattr(quiet, "_LOOK_S", 0.0)
    return QuietCheck(2)


def test_a_tenth_of_the_processors_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    found = check(monkeypatch, (0.2, 0.2), (10.0, 11.0))
    found.refuse_if_busy()
    assert found.end() == Ending(Use(1.0, 0.2, 0.0), 11.0, None, None)


def test_more_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BusyMachineError, match="--force"):
        check(monkeypatch, (0.21, 0.0), (10.0, 10.0)).refuse_if_busy()
    ending = check(monkeypatch, (0.0, 0.21), (10.0, 10.0)).end()
    assert ending.busy is not None
    assert "busy" in ending.busy
    assert ending.changed is None


@pytest.mark.parametrize("work_ms", [(10.0, 11.6), (11.6, 10.0)])
def test_another_speed_is_noticed(
    monkeypatch: pytest.MonkeyPatch, work_ms: tuple[float, float]
) -> None:
    ending = check(monkeypatch, (0.0, 0.0), work_ms).end()
    assert ending.changed is not None
    assert "speed" in ending.changed
    assert ending.busy is None


@pytest.mark.parametrize(
    ("busy", "changed", "force", "is_unanimous", "says_why", "note"),
    [
        (None, None, False, False, False, ""),
        ("busy", None, False, True, True, ""),
        ("busy", "changed", False, True, True, ""),
        (None, "changed", False, False, True, ""),
        (None, "changed", False, True, False, "changed; the comparisons"),
        ("busy", "changed", True, False, False, "busy; the verdict is given by force"),
    ],
)
def test_what_the_machine_allows_to_conclude(
    busy: str | None,
    changed: str | None,
    force: bool,
    is_unanimous: bool,
    says_why: bool,
    note: str,
) -> None:
    ending = Ending(Use(1.0, 0.0, 0.0), 10.0, busy, changed)
    why, noted = ending.doubts(force=force, is_unanimous=is_unanimous)
    assert (why is not None) is says_why
    assert (noted or "").startswith(note)
    assert (noted is not None) is bool(note)
