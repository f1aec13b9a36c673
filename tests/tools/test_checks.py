"""The small checks: sizes, words, crate edges, generated code, test counts."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tools import test as test_tool
from tools.checks.crates import find_edges, find_unsafe
from tools.checks.sizes import (
    MAX_FILE_LINES,
    MAX_FOLDER_FILES,
    MAX_FUNCTION_LINES,
    find_full_folders,
    find_large,
)
from tools.checks.words import find_forbidden
from tools.generate import MODULES, differences
from tools.repository import ROOT
from tools.test import AT_ONCE, MAX_UNSTEADY, count, run_pytest


@pytest.mark.parametrize(("extra", "large"), [(0, 0), (1, 1)])
def test_function_size(tmp_path: Path, extra: int, large: int) -> None:
    body = "    x = 1\n" * (MAX_FUNCTION_LINES - 1 + extra)
    (tmp_path / "a.py").write_text(f"def f() -> None:\n{body}")
    assert len(find_large(tmp_path, [Path("a.py")])[0]) == large


@pytest.mark.parametrize(("extra", "large"), [(0, 0), (1, 1)])
def test_file_size(tmp_path: Path, extra: int, large: int) -> None:
    (tmp_path / "a.rs").write_text("//\n" * (MAX_FILE_LINES + extra))
    assert len(find_large(tmp_path, [Path("a.rs")])[0]) == large


@pytest.mark.parametrize(("extra", "full"), [(0, 0), (1, 1)])
def test_folder_size(extra: int, full: int) -> None:
    paths = [Path(f"a/{number}.py") for number in range(MAX_FOLDER_FILES + extra)]
    assert len(find_full_folders([*paths, Path("a/b.rs"), Path("a/c/d.py")])) == full


@pytest.mark.parametrize(
    "text",
    [
        "see /wo" + "rk/main/x",
        "https://py" + "pi.org/simple",
        "repo1.ma" + "ven.org",
        "# TO" + "DO: x",
    ],
)
def test_forbidden_words(text: str) -> None:
    assert [line for line, _ in find_forbidden(f"fine\n{text}\n")] == [2]


@pytest.mark.parametrize("text", ["frame/work/x", "a method", "/var/log", "crates/io.rs", "TODOS"])
def test_allowed_words(text: str) -> None:
    assert find_forbidden(text) == []


@pytest.mark.parametrize(
    ("crate", "dependency", "allowed"),
    [
        ("grps-server", "grps-core", True),
        ("grps-core", "grps-server", False),
        ("grps-core", "hyper", False),
        ("grps-server", "pyo3", False),
        ("grps-py", "pyo3", True),
        ("grps-extra", "tokio", False),
    ],
)
def test_crate_edges(crate: str, dependency: str, allowed: bool) -> None:
    workspace: dict[str, set[str]] = {"grps-core": set(), "grps-server": set(), "grps-py": set()}
    workspace[crate] = {dependency}
    assert (find_edges(workspace) == []) is allowed


@pytest.mark.parametrize(
    ("path", "line", "allowed"),
    [
        ("crates/grps-core/src/a.rs", "unsafe { f() }", False),
        ("crates/grps-core/src/a.rs", "pub unsafe fn f() {}", False),
        ("crates/grps-core/src/a.rs", "// never unsafe", True),
        ("crates/grps-plugin/src/a.rs", "unsafe { f() }", True),
        ("crates/grps-engine-api/src/a.rs", "unsafe { f() }", True),
    ],
)
def test_unsafe_code(path: str, line: str, allowed: bool) -> None:
    assert (find_unsafe(Path(path), line) == []) is allowed


def test_stale_generated_code(tmp_path: Path) -> None:
    fresh, old = tmp_path / "fresh", tmp_path / "old"
    for folder in (fresh, old):
        folder.mkdir()
        for name in ("__init__.py", *MODULES):
            (folder / name).write_text(name)
    assert differences(fresh, old) == []
    (old / MODULES[0]).write_text("changed")
    (old / MODULES[1]).unlink()
    assert differences(fresh, old) == list(MODULES[:2])


def test_counting_results() -> None:
    rust = "test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out"
    python = "===== 1 failed, 4 passed, 2 skipped, 1 error in 0.12s ====="
    assert count([rust, "noise", python]) == (7, 3, 4)
    assert count(
        ["test result: ok. 0 passed; 0 failed; 0 ignored", "== no tests ran in 0.0s =="]
    ) == (
        0,
        0,
        0,
    )


def suite(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> list[str]:
    (folder / "test_it.py").write_text(code)
    (folder / "pytest.ini").touch()
    last_failed = folder / test_tool.LAST_FAILED.relative_to(ROOT)
    monkeypatch.setattr(test_tool, "ROOT", folder)
    monkeypatch.setattr(test_tool, "LAST_FAILED", last_failed)
    return test_tool.PYTEST


def test_a_test_that_passes_alone_is_named_as_unsteady(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    code = f"""
import pathlib

def test_steady(): pass

def test_unsteady():
    seen = pathlib.Path({str(seen)!r})
    known = seen.exists()
    seen.touch()
    assert known
"""
    outcome = run_pytest(suite(tmp_path, monkeypatch, code))
    assert outcome.fine
    assert (outcome.passed, outcome.failed, outcome.names) == (2, 0, ())
    assert [name.partition("::")[2] for name in outcome.unsteady] == ["test_unsteady"]


@pytest.mark.parametrize("failing", [1, MAX_UNSTEADY, MAX_UNSTEADY + 1])
def test_tests_that_fail_again_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    code = "\n".join(f"def test_{number}(): assert False" for number in range(failing))
    outcome = run_pytest(suite(tmp_path, monkeypatch, code))
    assert not outcome.fine
    assert (outcome.passed, outcome.failed, outcome.unsteady) == (0, failing, ())
    assert len(outcome.names) == failing


def test_a_test_that_ends_its_process_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os\ndef test_ends(): os._exit(3)\ndef test_next(): pass"
    command = suite(tmp_path, monkeypatch, code)
    outcome = run_pytest([*command, *AT_ONCE])
    assert (outcome.fine, outcome.cut_short, outcome.unsteady) == (False, True, ())
    assert [name.partition("::")[2] for name in outcome.names] == ["test_ends"]


def test_a_suite_that_is_silent_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_tool, "SILENCE_S", 5)
    # What a test has started lives on, and keeps the output open.
    left = tmp_path / "pid"
    code = f"""
import subprocess, time

def test_hangs(capfd):
    with capfd.disabled():
        subprocess.run(["sh", "-c", "sleep 600 & echo $! > {left}"], check=True)
    time.sleep(600)
"""
    outcome = run_pytest(suite(tmp_path, monkeypatch, code))
    assert (outcome.fine, outcome.cut_short) == (False, True)
    # On a busy machine, the suite may be ended before its test begins.
    if left.exists():
        psutil.Process(int(left.read_text())).kill()
