"""The verbs that look at services: ps, logs, stop."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grps.cli.verbs.model import troubles
from grps.deploy.paths import ServiceFolder
from grps.server.state import ServiceState

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Grpst


@pytest.fixture
def folder(grps_home: Path) -> ServiceFolder:
    """A service whose process is the test itself."""
    made = ServiceFolder.of("demo")
    ServiceState.of_this_process(made.root, "ready", ports=(1, 2)).write(made.state)
    return made


def crash(folder: ServiceFolder, error: str | None = None) -> None:
    state = ServiceState.of_this_process(folder.root, "failed" if error else "loading")
    replace(state, create_time=1.0, error=error).write(folder.state)


def test_ps(grpst: Grpst, folder: ServiceFolder) -> None:
    head, row = grpst("ps").stdout.splitlines()
    words = ["PORT(HTTP,RPC)", "NAME", "PID", "DEPLOY_PATH", "STATUS", "UPTIME", "SERVER"]
    assert head.split() == words
    state = ServiceState.read(folder.state)
    assert state is not None
    assert row.split()[:5] == ["1,2", "demo", str(state.pid), str(folder.root), "unresponsive"]
    assert "demo: service 'demo' can't be reached at 127.0.0.1:1: " in grpst("ps").stderr
    assert grpst("ps", "-n", "demo").exit_code == 0


def test_ps_without_services(grpst: Grpst) -> None:
    result = grpst("ps")
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr.startswith("no service; grpst serve MODEL starts one")


def test_ps_shows_a_crash(grpst: Grpst, folder: ServiceFolder) -> None:
    crash(folder)
    row = grpst("ps").stdout.splitlines()[1].split()
    assert row == ["-", "demo", "-", str(folder.root), "crashed", "-", "python"]
    result = grpst("ps", "-n", "demo")
    assert result.exit_code == 1
    assert "error: service 'demo' does not run (crashed)" in result.stderr


@pytest.mark.parametrize(
    ("code", "text"),
    [("137", "was ended by signal SIGKILL (often: out of memory)"), ("3", "exited with code 3")],
)
def test_ps_says_how_a_process_ended(
    grpst: Grpst, folder: ServiceFolder, code: str, text: str
) -> None:
    crash(folder)
    folder.exit_code.write_text(f"{code}\n")
    result = grpst("ps")
    assert "crashed" in result.stdout
    assert result.stderr == f"demo: {text}\n"
    assert f"does not run (crashed: {text})" in grpst("ps", "-n", "demo").stderr


def test_ps_shows_stopped_services_when_asked(grpst: Grpst, folder: ServiceFolder) -> None:
    folder.state.unlink()
    shown = grpst("ps")
    assert len(shown.stdout.splitlines()) == 1
    assert shown.stderr == "no service runs; grpst ps --all shows those that are stopped\n"
    row = grpst("ps", "--all").stdout.splitlines()[1].split()
    assert row == ["-", "demo", "-", str(folder.root), "stopped", "-", "-"]


def test_ps_of_one_that_failed_gives_the_cause(grpst: Grpst, folder: ServiceFolder) -> None:
    crash(folder, "no memory")
    assert "does not run (failed: no memory)" in grpst("ps", "-n", "demo").stderr


@pytest.mark.parametrize(
    "reason", ["SystemExit: 3", "was ended by signal SIGKILL", "did not respond for 60 s"]
)
def test_an_instance_that_was_started_again(reason: str) -> None:
    instance = {"name": "m-1#0", "state": "alive", "restarts": 2, "reason": reason}
    (line,) = troubles([{"instances": [instance]}])
    assert line == f"instance m-1#0 was started again 2 times; the last cause: {reason}"


def test_unknown_names(grpst: Grpst, folder: ServiceFolder) -> None:
    for args in (["ps", "-n", "dem"], ["stop", "dem"], ["logs", "dem"]):
        result = grpst(*args)
        assert result.exit_code == 1
        assert "no service is called 'dem' (did you mean 'demo'?)" in result.stderr


def test_stop_after_a_crash(grpst: Grpst, folder: ServiceFolder) -> None:
    crash(folder)
    result = grpst("stop", "demo")
    assert result.exit_code == 0
    assert "had already ended" in result.stderr
    assert grpst("stop", "demo").exit_code == 1


def test_logs(grpst: Grpst, folder: ServiceFolder) -> None:
    logs = folder.root / "logs"
    logs.mkdir()
    (logs / "grps_server.log").write_text("a\nb\nc\n")
    (logs / "grps_usr.log").write_text("mine\n")
    assert grpst("logs", "demo", "--no-follow", "-n", "2").stdout == "b\nc\n"
    assert grpst("logs", "demo", "--no_follow", "--user").stdout == "mine\n"


LINES = (
    '2030-01-31 14:00:00.000  INFO python: one id="a"\n'
    '2030-01-31 14:01:00.000  WARN python: two id="b"\n'
)


def test_logs_are_filtered(grpst: Grpst, folder: ServiceFolder) -> None:
    logs = folder.root / "logs"
    logs.mkdir()
    (logs / "grps_server.log").write_text(LINES)
    first, second = LINES.splitlines(keepends=True)
    assert grpst("logs", "demo", "--no_follow", "--level", "warning").stdout == second
    assert grpst("logs", "demo", "--no_follow", "--id", "a").stdout == first
    assert grpst("logs", "demo", "--until", "2030-01-31 14:00").stdout == first
    assert grpst("logs", "demo", "--no_follow", "--since", "2030-01-31 14:01").stdout == second
    refused = grpst("logs", "demo", "--since", "soon")
    assert refused.exit_code == 2
    assert "'soon' is neither a time such as '14:05' nor an age such as '10m'" in refused.stderr


def let_grow(monkeypatch: pytest.MonkeyPatch, log: Path, *pieces: str) -> None:
    """Let a log grow whenever it is waited for, then press Ctrl-C."""
    steps = iter(pieces)

    def write_on(_: float) -> None:
        text = next(steps, None)
        if text is None:
            raise KeyboardInterrupt
        with log.open("a") as stream:
            stream.write(text)

    monkeypatch.setattr("grps.cli.output.following.time.sleep", write_on)


def test_logs_follow_what_is_wanted(
    grpst: Grpst, folder: ServiceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = folder.root / "logs" / "grps_server.log"
    log.parent.mkdir()
    log.write_text(LINES)
    let_grow(monkeypatch, log, LINES[:10], LINES[10:], LINES)
    result = grpst("logs", "demo", "--level", "warning")
    assert result.stdout == LINES.splitlines(keepends=True)[1] * 3


def test_the_level_of_a_service_that_does_not_run(grpst: Grpst, folder: ServiceFolder) -> None:
    crash(folder)
    result = grpst("logs", "demo", "--set_level", "debug")
    assert result.exit_code == 1
    assert "service 'demo' does not run (crashed)" in result.stderr


def test_top_without_services(grpst: Grpst, grps_home: Path) -> None:
    assert "no service is running" in grpst("top", "--interval", "0.2").stdout
    result = grpst("top", "demo", "--once", "--interval", "0.2")
    assert result.exit_code == 1
    assert "no service 'demo' is running" in result.stderr


def test_top_shows_a_service_that_does_not_answer(grpst: Grpst, folder: ServiceFolder) -> None:
    ServiceState.of_this_process(folder.root, "ready", ports=(1,)).write(folder.state)
    shown = grpst("top", "--once", "--interval", "0.2").stdout
    assert "demo" in shown
    assert "can't be reached at 127.0.0.1:1" in shown


def test_logs_of_a_stopped_service_end(grpst: Grpst, folder: ServiceFolder) -> None:
    crash(folder)
    result = grpst("logs", "demo")
    assert result.exit_code == 0
    assert "there is no log yet" in result.stderr


def test_logs_follow_until_interrupted(
    grpst: Grpst, folder: ServiceFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = folder.root / "logs" / "grps_server.log"
    log.parent.mkdir()
    log.write_text("first\n")
    let_grow(monkeypatch, log, "second\n", "third\n")
    result = grpst("logs", "demo")
    assert result.exit_code == 0
    assert result.stdout == "first\nsecond\nthird\n"


@pytest.mark.parametrize(("error", "code"), [(None, 1), ("no memory", 1)])
def test_logs_end_with_the_service(
    grpst: Grpst,
    folder: ServiceFolder,
    monkeypatch: pytest.MonkeyPatch,
    error: str | None,
    code: int,
) -> None:
    monkeypatch.setattr("grps.cli.output.following.time.sleep", lambda _: crash(folder, error))
    monkeypatch.setattr("grps.cli.output.following.alive", lambda _: False)
    result = grpst("logs", "demo")
    assert result.exit_code == code
    assert (f"failed: {error}" if error else "crashed") in result.stderr


def test_model_needs_a_service_that_runs(grpst: Grpst, grps_home: Path) -> None:
    result = grpst("model", "ls")
    assert result.exit_code == 1
    assert "no service is running; say which with --service NAME" in result.stderr


def test_model_tells_that_a_service_cannot_be_asked(grpst: Grpst, folder: ServiceFolder) -> None:
    ServiceState.of_this_process(folder.root, "ready", ports=(1,)).write(folder.state)
    result = grpst("model", "reload", "m", "--service", "demo")
    assert result.exit_code == 1
    assert "service 'demo' can't be reached at 127.0.0.1:1" in result.stderr
