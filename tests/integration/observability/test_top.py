"""``grpst top`` and ``grpst logs`` on a service that runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import serving, user_model, wait_until, write_user_project
from tests.terminals import LEAVE_SCREEN, SHOW_CURSOR, Terminal, on_terminal


def grpst(home: Path, *arguments: str) -> str:
    """What the tool prints."""
    command = [str(Path(sys.executable).parent / "grpst"), *arguments]
    environment = {**os.environ, "GRPS_HOME": str(home), "COLUMNS": "200"}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_top_shows_rates_and_where_the_time_goes(tmp_path: Path) -> None:
    write_user_project(tmp_path / "demo", [user_model("sleeper"), user_model("raiser")])
    with serving(tmp_path / "demo") as server:
        for _ in range(4):
            server.post({"str_data": "0.02"}, "?model=sleeper")
        server.post({"str_data": "x"}, "?model=raiser")

        def shown(name: str) -> list[str]:
            text = grpst(tmp_path, "top", "demo", "--once", "--interval", "0.3")
            return next(line.split() for line in text.splitlines() if line.startswith(name))

        wait_until(lambda: shown("raiser-1.0.0")[2] == "100.0%", "a tick")
        assert shown("demo ")[1] == "ready"
        sleeper = shown("sleeper-1.0.0")
        assert float(sleeper[3]) >= 20
        assert "█" in sleeper[-1]
        assert "\x1b" not in grpst(tmp_path, "top", "--once", "--interval", "0.2")


def test_top_shows_steps(tmp_path: Path) -> None:
    batching = {"type": "continuous", "max_batch_size": 3}
    code = """
from grps import StepModel, StepResult, inferer_register


class Once(StepModel):
    def load(self):
        pass

    def begin(self, requests):
        return [None for _ in requests]

    def step(self, batch):
        return StepResult([[7]] * len(batch), [True] * len(batch), cache_usage=0.25)


inferer_register.register("once", Once())
"""
    once = user_model("once", converter_type="numpy", batching=batching)
    write_user_project(tmp_path / "demo", [once], code=code)
    with serving(tmp_path / "demo") as server:
        assert server.post({"ndarray": [1]}).status_code == 200

        def shown() -> list[str]:
            text = grpst(tmp_path, "top", "demo", "--once", "--interval", "0.3")
            return [line.split() for line in text.splitlines() if line.startswith("once-1")][-1]

        wait_until(lambda: "ms" in shown(), "a tick")
        row = shown()
        assert (row[1], row[2], row[-1]) == ("0/3", "0", "25%")
        # It has a first output, and none after it.
        assert row[5::2][0] == "ms"
        assert row.count("-") == 2


TOP = [str(Path(sys.executable).parent / "grpst"), "top", "--interval", "0.3"]


def models_on(terminal: Terminal) -> list[str]:
    """The models in the order in which the screen shows them."""
    lines = [line.split(" ")[0] for line in terminal.screen()]
    return [line for line in lines if line.endswith("-1.0.0")]


def test_a_reader_moves_through_the_models(tmp_path: Path) -> None:
    names = ("sleeper", "raiser", "echo")
    write_user_project(tmp_path / "demo", [user_model(name) for name in names])
    with serving(tmp_path / "demo") as server:
        for name, text in (("sleeper", "0.02"), ("raiser", "x"), ("echo", "x"), ("echo", "x")):
            server.post({"str_data": text}, f"?model={name}")
        with on_terminal(TOP, GRPS_HOME=str(tmp_path)) as terminal:
            before = terminal.settings()
            terminal.until(lambda: "100.0%" in terminal.line("raiser-1.0.0"), "a tick")
            listed = models_on(terminal)
            assert sorted(listed) == ["echo-1.0.0", "raiser-1.0.0", "sleeper-1.0.0"]
            assert all(len(line) <= 80 and "…" not in line for line in terminal.screen())

            select(terminal, "", listed[0])
            select(terminal, "\x1b[B", listed[1])
            select(terminal, "j", listed[2])
            select(terminal, "j\x1b[A\x1bOAk", listed[0])

            sort_and_filter(terminal)
            open_and_close(terminal)

            terminal.press("?")
            terminal.until_shown("sort by a column")
            terminal.resize(220, 24)
            terminal.until_shown("PREPROCESS")
            # The first one ends the help, the second one the program.
            terminal.press("qq")
            assert terminal.until_ended() == 0
            assert terminal.settings() == before
            assert LEAVE_SCREEN in terminal.written and SHOW_CURSOR in terminal.written


def select(terminal: Terminal, keys: str, model: str) -> None:
    terminal.press(keys)
    terminal.until(lambda: terminal.selected().startswith(model), f"{model} is selected")


def sort_and_filter(terminal: Terminal) -> None:
    terminal.press("sss")
    terminal.until_shown("sorted by FAILED")
    assert "FAILED▼" in terminal.line("MODEL")
    assert models_on(terminal)[0] == "raiser-1.0.0"
    terminal.press("r")
    terminal.until(lambda: models_on(terminal)[-1:] == ["raiser-1.0.0"], "reversed")
    terminal.press("<<")
    terminal.until_shown("sorted by MODEL")
    assert models_on(terminal) == ["echo-1.0.0", "raiser-1.0.0", "sleeper-1.0.0"]
    terminal.press("/SLQ\x7f")
    terminal.until(lambda: models_on(terminal) == ["sleeper-1.0.0"], "filtered")
    terminal.press("\r")
    terminal.until_shown("help")
    assert models_on(terminal) == ["sleeper-1.0.0"]
    terminal.press("\x1b")
    terminal.until(lambda: len(models_on(terminal)) == 3, "the filter has ended")


def open_and_close(terminal: Terminal) -> None:
    select(terminal, "G", "sleeper-1.0.0")
    terminal.press("\r")
    terminal.until_shown("sleeper-1.0.0 of service demo")
    assert terminal.line("STEP").split()[:6] == ["STEP", "CALLS", "MEAN", "P50", "P90", "P99"]
    infer = terminal.line("■ infer").split()
    assert infer[2] == "1" and float(infer[3]) >= 20
    assert terminal.line("instances").split()[1:] == ["number", "1", "busy", "0%", "restarts", "0"]
    assert "1 batches since the start, 1.0 rows on average" in terminal.screen()
    terminal.press("\x1b")
    terminal.until(lambda: len(models_on(terminal)) == 3, "the list is back")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_terminal_is_restored_however_it_ends(tmp_path: Path, number: int) -> None:
    with on_terminal(TOP, GRPS_HOME=str(tmp_path)) as terminal:
        before = terminal.settings()
        terminal.until_shown("no service is running")
        terminal.until(lambda: terminal.settings() != before, "keys come at once")
        if number == signal.SIGINT:
            terminal.press("\x03")
        else:
            terminal.process.send_signal(number)
        assert terminal.until_ended() == (0 if number == signal.SIGINT else 143)
        assert terminal.settings() == before
        assert terminal.written.rstrip().endswith(LEAVE_SCREEN)


def test_off_a_terminal_nothing_is_drawn(tmp_path: Path) -> None:
    for arguments in (["--once"], []):
        assert grpst(tmp_path, "top", "--interval", "0.2", *arguments) == (
            "no service is running; start one with grpst start\n"
        )


def test_the_level_is_changed_and_lines_are_found(tmp_path: Path) -> None:
    write_user_project(tmp_path / "demo", [user_model("raiser")])
    with serving(tmp_path / "demo") as server:
        told = grpst(tmp_path, "logs", "demo", "--set_level", "debug")
        assert told == "service 'demo' writes lines of level debug (was info)\n"
        server.post({"str_data": "x"}, headers={"X-Request-Id": "look-for-me"})
        wait_until(lambda: "look-for-me" in server.log(), "the failure")
        found = grpst(tmp_path, "logs", "demo", "--no_follow", "--id", "look-for-me")
        assert "ValueError: boom" in found
        assert "loading model" not in found
