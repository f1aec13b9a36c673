"""Archives, checksums and what programs need of the system."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from tools.release import glibc
from tools.release.checksums import write_checksums
from tools.release.commands import ReleaseError
from tools.release.plan import TARGETS, Plan
from tools.release.server_archive import pack_server
from tools.release.trials.smoke import Facts
from tools.repository import ROOT

TARGET = TARGETS["x86_64"]


def plan_in(folder: Path) -> Plan:
    return Plan("1.2.3", "0" * 40, 1_700_000_000, (TARGET,), "dev", folder, folder)


def library(folder: Path, name: str, source: str, *needs: str) -> Path:
    made = folder / f"lib{name}.so"
    words = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", str(made), f"-L{folder}", *needs]
    subprocess.run(words, input=source.encode(), check=True)
    return made


def test_the_archive_of_the_server_is_the_same_each_time(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"program")
    archive = pack_server(plan_in(tmp_path), TARGET, program, ROOT)
    first = archive.read_bytes()
    assert pack_server(plan_in(tmp_path), TARGET, program, ROOT).read_bytes() == first
    with tarfile.open(archive) as packed:
        modes = {entry.name: entry.mode for entry in packed}
        texts = packed.extractfile("grps-server-1.2.3-linux-x86_64/LICENSE")
        assert texts is not None
        assert texts.read() == (ROOT / "LICENSE").read_bytes()
    folder = "grps-server-1.2.3-linux-x86_64"
    assert modes == {
        f"{folder}/LICENSE": 0o644,
        f"{folder}/NOTICE": 0o644,
        f"{folder}/README.txt": 0o644,
        f"{folder}/grps-server": 0o755,
    }


def test_checksums_are_those_of_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"bytes")
    (tmp_path / "a").write_bytes(b"")
    sums = write_checksums(tmp_path)
    assert [line.split("  ")[1] for line in sums.read_text().splitlines()] == ["a", "b"]
    assert write_checksums(tmp_path).read_text() == sums.read_text()
    check = ["sha256sum", "--check", "--quiet", sums.name]
    subprocess.run(check, cwd=tmp_path, check=True)
    (tmp_path / "b").write_bytes(b"other")
    assert subprocess.run(check, cwd=tmp_path, check=False, capture_output=True).returncode == 1


def test_a_library_for_newer_systems_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = library(tmp_path, "a", 'int puts(const char *); int a() { return puts(""); }')
    found = glibc.check_libraries(made)
    assert (2, 2) <= found <= (2, 28)
    monkeypatch.setattr(glibc, "GLIBC", (2, 1))
    with pytest.raises(ReleaseError, match=r"liba\.so needs glibc 2\.\d+, newer than 2\.1$"):
        glibc.check_libraries(made)


def test_a_library_that_needs_others_is_refused(tmp_path: Path) -> None:
    library(tmp_path, "a", "int a() { return 1; }")
    made = library(tmp_path, "b", "int a(); int b() { return a(); }", "-la")
    with pytest.raises(ReleaseError, match=r"libb\.so needs liba\.so, which not every system has"):
        glibc.check_libraries(made)


def test_a_build_that_says_something_else_is_refused() -> None:
    facts = Facts("1.2.3", "abc", TARGET.rust, "release")
    said = {"version": "1.2.3", "commit": "abc", "target": TARGET.rust, "profile": "release"}
    facts.check({**said, "rust": "1.95.0"}, "the module")
    for wrong in (None, {**said, "commit": None}, {**said, "profile": "debug"}):
        with pytest.raises(ReleaseError, match=r"^the module says"):
            facts.check(wrong, "the module")
