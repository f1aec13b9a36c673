"""What the engine core of vLLM writes, and the cause of its end in it."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from grps.backends.vllm.core_process import CoreOutput, CoreProcess, cause_in

FAILED = [
    "(EngineCore pid=7) ERROR 11-29 09:31:18 [core.py:1] EngineCore failed to start.",
    "(EngineCore pid=7) ERROR 11-29 09:31:18 [core.py:1] Traceback (most recent call last):",
    '(EngineCore pid=7) ERROR 11-29 09:31:18 [core.py:1]   raise ValueError("no room")',
    "(EngineCore pid=7) ERROR 11-29 09:31:18 [core.py:1] ValueError: no room",
    "(EngineCore pid=7) RuntimeError: Engine core initialization failed. See root cause above.",
]


def test_the_cause_is_the_first_error() -> None:
    assert cause_in(FAILED) == "ValueError: no room"
    assert cause_in(["torch.OutOfMemoryError: CUDA out of memory."]) is not None


@pytest.mark.parametrize("lines", [[], FAILED[:3], FAILED[4:], ["Error: ", "all is well"]])
def test_other_lines_are_no_causes(lines: list[str]) -> None:
    assert cause_in(lines) is None


def test_what_is_written_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    output = CoreOutput()
    with Path(output.path).open("wb") as pipe:
        pipe.write("one\nValueError: \N{CRAB}\n\xff".encode())
    output.close()
    assert output.cause() == "ValueError: \N{CRAB}"
    assert capfd.readouterr().err.startswith("one\nValueError: \N{CRAB}\n")
    assert not Path(output.path).exists()


def test_a_core_whose_service_has_ended_ends() -> None:
    # The process that makes it is not the one that it is said to belong to.
    process = CoreProcess("/nonexistent", {}, os.getpid())
    child = multiprocessing.get_context("spawn").Process(target=_made_by_another, args=(process,))
    child.start()
    child.join()
    assert child.exitcode == 0


def _made_by_another(process: CoreProcess) -> None:
    child = multiprocessing.get_context("spawn").Process(target=process)
    child.start()
    child.join()
    # It would have failed to open the pipe.
    raise SystemExit(child.exitcode)
