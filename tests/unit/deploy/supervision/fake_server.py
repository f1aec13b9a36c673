"""Stands in for the server process: keeps the state contract, then ends as it is told.

Usage: fake_server.py FOLDER WAY, where WAY is one of the keys of ``WAYS``.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

from grps.server.state import Phase, ServiceState

FOLDER = Path(sys.argv[1])
STATE = FOLDER / "run" / "state.json"
FIRST = ServiceState.of_this_process(FOLDER, ports=(7080, 7081))


def say(phase: Phase, detail: str = "", error: str | None = None) -> None:
    replace(FIRST, phase=phase, detail=detail, error=error).write(STATE)


def drain(number: int, frame: FrameType | None) -> None:
    say("draining", "1 request left")
    say("stopped")
    sys.exit(0)


def serve() -> None:
    signal.signal(signal.SIGTERM, drain)
    say("loading", "loading model demo-1.0.0 (1 of 1)")
    time.sleep(0.2)
    say("ready")
    time.sleep(60)


def refuse_to_stop() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say("ready", "listening on 127.0.0.1:7080,7081")
    time.sleep(60)


def hang() -> None:
    say("warming", "warming up demo-1.0.0")
    time.sleep(60)


def fail() -> None:
    say("failed", error="the model file is damaged")
    sys.exit(1)


def fail_without_a_word() -> None:
    sys.stderr.write("some chatter\nValueError: no such luck\n")
    sys.exit(3)


def die_by_signal() -> None:
    say("loading", "loading model demo-1.0.0")
    sys.stderr.write("about to die\n")
    sys.stderr.flush()
    os.kill(os.getpid(), signal.SIGSEGV)


WAYS: dict[str, Callable[[], None]] = {
    "serve": serve,
    "refuse_to_stop": refuse_to_stop,
    "hang": hang,
    "fail": fail,
    "fail_without_a_word": fail_without_a_word,
    "die_by_signal": die_by_signal,
}

if __name__ == "__main__":
    WAYS[sys.argv[2]]()
