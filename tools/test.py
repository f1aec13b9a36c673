"""Run the Rust and the Python tests, then print one summary; no test at all is a failure.

Tests that fail are named at the end. A few Python tests that fail among others are run once more,
alone: what passes then is named as unsteady, and does not fail the run. A test that ends the
process which runs it ends the suite, and so does a suite that prints nothing for a long time.
"""

from __future__ import annotations

import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from typing import IO

import psutil

from tools.programs.collector import collector
from tools.programs.helm import renderer
from tools.repository import ROOT

RUST = ["cargo", "test", "--workspace"]
PYTEST = [sys.executable, "-m", "pytest"]
LAST_FAILED = ROOT / ".pytest_cache" / "v" / "cache" / "lastfailed"
MAX_UNSTEADY = 8
"""More tests of a suite that fail, one in a thousand, are not run again: chance does not explain
them."""
SILENCE_S = 900
"""A suite that prints no line for so long is ended; a line of pytest has up to 72 tests."""
MAX_WORKERS = 4
"""Most test processes at a time: each starts servers, and some of these load a framework."""
WORKERS = min(os.cpu_count() or 1, MAX_WORKERS)
# The tests of a file share its servers and ports, so a file is not split. A process that crashes is
# not replaced: near the end of a run, the new one waits for ever.
AT_ONCE = ["-n", str(WORKERS), "--dist", "loadfile", "--max-worker-restart", "0"]
SUITES = {
    "pytest": [*PYTEST, *AT_ONCE, "-m", "not browser"],
    # What a page shows depends on how busy the machine is.
    "pytest with a browser": [*PYTEST, "-m", "browser"],
    "cargo test": [*RUST, "--no-fail-fast"],
}
RUST_RESULT = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored")
PYTEST_RESULT = re.compile(r"^=+ .* in [\d.]+s.* =+$")
ENVIRONMENT = {**os.environ, "PYO3_PYTHON": sys.executable}
PYTEST_COUNT = re.compile(r"(\d+) (passed|failed|errors?|skipped|xfailed)")
RUST_FAILED = re.compile(r"^test (.+) \.\.\. FAILED$")
PYTEST_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)(?: - (.*))?$")
CRASHED = re.compile(r"\[gw\d+\] node down")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one suite ended."""

    passed: int
    failed: int
    skipped: int
    fine: bool
    """Whether its program exited with success and ran at least one test."""
    names: tuple[str, ...] = ()
    """The tests that failed."""
    unsteady: tuple[str, ...] = ()
    """Tests that failed, and passed when they were run again alone."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why tests failed, in a line each, as far as it is known."""
    cut_short: bool = False
    """Whether it ended before its last test: a test process crashed, or nothing was printed."""


def count(lines: list[str]) -> tuple[int, int, int]:
    """Add up passed, failed and skipped tests from the output of cargo test or pytest."""
    passed = failed = skipped = 0
    for line in lines:
        rust = RUST_RESULT.match(line)
        if rust:
            passed, failed = passed + int(rust[1]), failed + int(rust[2])
            skipped += int(rust[3])
        elif PYTEST_RESULT.match(line):
            for number, kind in PYTEST_COUNT.findall(line):
                passed += int(number) if kind == "passed" else 0
                failed += int(number) if kind.startswith(("failed", "error")) else 0
                skipped += int(number) if kind in {"skipped", "xfailed"} else 0
    return passed, failed, skipped


def run_suite(command: list[str]) -> Outcome:
    """Run one suite, show its output and read its result from it."""
    lines: list[str] = []
    came: queue.Queue[str] = queue.Queue()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    threading.Thread(target=pass_lines, args=(process.stdout, came), daemon=True).start()
    is_silent = False
    try:
        while line := came.get(timeout=SILENCE_S):
            print(line, end="", flush=True)
            lines.append(line.rstrip("\n"))
    except queue.Empty:
        is_silent = True
        print(f"── nothing was printed for {SILENCE_S} s: the suite is ended", flush=True)
        kill_all(process)
    process.wait()
    passed, failed, skipped = count(lines)
    fine = process.returncode == 0 and failed == 0 and passed > 0
    names = [match[1] for line in lines if (match := RUST_FAILED.match(line))]
    found = [match for line in lines if (match := PYTEST_FAILED.match(line))]
    reasons = {match[1]: match[2] for match in found if match[2]}
    cut_short = is_silent or any(CRASHED.search(line) for line in lines)
    return Outcome(passed, failed, skipped, fine, tuple(names), (), reasons, cut_short)


def pass_lines(output: IO[str] | None, to: queue.Queue[str]) -> None:
    """Pass the lines of a program on, and an empty one at its end.

    A process that a test has left behind may keep the output open for ever.
    """
    with output or nullcontext(()) as read:
        for line in read:
            to.put(line)
    to.put("")


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill a program and those that it has started."""
    with suppress(psutil.NoSuchProcess):
        suite = psutil.Process(process.pid)
        for one in [*suite.children(recursive=True), suite]:
            with suppress(psutil.NoSuchProcess):
                one.kill()


def run_pytest(command: list[str]) -> Outcome:
    """Run a suite of pytest; try a few tests that fail once more, alone."""
    LAST_FAILED.unlink(missing_ok=True)
    outcome = replace(run_suite(command), names=last_failed())
    few = 0 < outcome.failed == len(outcome.names) <= MAX_UNSTEADY
    if outcome.fine or outcome.cut_short or not few:
        return outcome
    print(f"── again, alone: {', '.join(outcome.names)}", flush=True)
    again = run_suite([*PYTEST, *outcome.names])
    still = last_failed()
    unsteady = tuple(name for name in outcome.names if name not in still) if again.passed else ()
    passed, failed = outcome.passed + len(unsteady), outcome.failed - len(unsteady)
    fine = again.fine and not failed
    return Outcome(passed, failed, outcome.skipped, fine, still, unsteady, outcome.reasons)


def explained(outcome: Outcome, test: str) -> str:
    """Return the name of a test that failed, and why."""
    reason = outcome.reasons.get(test)
    return f"{test}: {reason}" if reason else test


def last_failed() -> tuple[str, ...]:
    """Return the tests that failed in the last run of pytest, as its command line takes them."""
    return tuple(json.loads(LAST_FAILED.read_text())) if LAST_FAILED.exists() else ()


@contextmanager
def rust_tests_compile() -> Iterator[None]:
    """Compile the Rust tests while the block runs; their own run tells what is wrong with them."""
    quiet = subprocess.DEVNULL
    command = ["nice", *RUST, "--no-run", "--quiet"]
    compiler = subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdin=quiet, stdout=quiet, stderr=quiet
    )
    try:
        yield
    finally:
        compiler.wait()


def main() -> int:
    """Run all suites; arguments go to pytest and leave out the Rust tests."""
    # A shell lets what it starts in the background ignore this signal, which tests send.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    chosen = sys.argv[1:]
    suites = {"pytest": [*PYTEST, *chosen]} if chosen else SUITES
    # Built before any test's time runs.
    collector()
    renderer()
    outcomes = {}
    for name, command in suites.items():
        print(f"── {name}", flush=True)
        start = time.monotonic()
        with nullcontext() if chosen or name != "pytest" else rust_tests_compile():
            run = run_suite if name == "cargo test" else run_pytest
            outcomes[name] = run(command)
        print(f"   ({time.monotonic() - start:.0f} s)", flush=True)
    for name, outcome in outcomes.items():
        if not outcome.fine:
            why = "no test ran" if outcome.passed + outcome.failed == 0 else "FAILED"
            why = "CUT SHORT" if outcome.cut_short else why
            print(
                "\n".join(
                    [f"{name}: {why}", *(f"  {explained(outcome, test)}" for test in outcome.names)]
                )
            )
        for test in outcome.unsteady:
            print(f"{name}: UNSTEADY, passed only when run alone: {explained(outcome, test)}")
    totals = outcomes.values()
    print(
        f"{sum(o.passed for o in totals)} passed, {sum(o.failed for o in totals)} failed, "
        f"{sum(o.skipped for o in totals)} skipped"
    )
    return 0 if all(outcome.fine for outcome in totals) else 1


if __name__ == "__main__":
    sys.exit(main())
