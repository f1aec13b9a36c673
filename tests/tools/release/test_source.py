"""The source package, and the Pythons that a wheel is tested on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.release.commands import ReleaseError, run
from tools.release.plan import PYTHONS, TARGETS, Plan
from tools.release.source import check_complete, pack, unpack
from tools.release.trials.debian_root import DebianRoot
from tools.release.trials.pythons import clean_environment, installed_pythons
from tools.repository import ROOT


def test_a_source_package_without_a_file_is_refused(tmp_path: Path) -> None:
    plan = Plan("1", "0" * 40, 1_700_000_000, (), "dev", tmp_path / "work", tmp_path / "dist")
    plan.dist.mkdir()
    package = pack(plan, ROOT, Path(sys.executable).with_name("maturin"))
    unpacked = unpack(package, plan.work)
    check_complete(unpacked, ROOT, os.environ)
    (unpacked / "grps" / "errors.py").unlink()
    changed = unpacked / "crates" / "grps-core" / "src" / "lib.rs"
    changed.write_text(f"{changed.read_text()}// changed\n")
    with pytest.raises(ReleaseError) as refused:
        check_complete(unpacked, ROOT, os.environ)
    assert str(refused.value).splitlines() == [
        "crates/grps-core/src/lib.rs: differs in the source package",
        "grps/errors.py: not in the source package",
        "the source package is not complete",
    ]


def test_this_python_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    version = ".".join(map(str, sys.version_info[:2]))
    program = Path(sys.executable).resolve()
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    found = installed_pythons()
    assert found[version].resolve() == program
    assert list(found) == [one for one in PYTHONS if one in found]


def test_what_leads_python_elsewhere_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GRPS_HOME"):
        monkeypatch.setenv(name, "elsewhere")
    kept = clean_environment(GRPS_HOME="here")
    assert not {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"} & set(kept)
    assert (kept["GRPS_HOME"], kept["PATH"]) == ("here", os.environ["PATH"])


def test_programs_of_another_system_get_its_loader_or_an_emulator(tmp_path: Path) -> None:
    loader = tmp_path / "usr" / "lib64" / "ld-linux-x86-64.so.2"
    loader.parent.mkdir(parents=True)
    loader.touch()
    root = DebianRoot("sid", TARGETS["x86_64"], "3.14", tmp_path)
    libraries = tmp_path / "usr" / "lib" / "x86_64-linux-gnu"
    assert root.runner(None) == [str(loader), "--library-path", str(libraries)]
    assert root.runner(Path("/q")) == ["/q", "-cpu", "neoverse-n1", "-L", str(tmp_path)]
    assert root.program == tmp_path / "usr" / "bin" / "python3.14"


def test_a_program_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"^said\nfailed with 3: sh -c echo said >&2; exit 3$"):
        run(["sh", "-c", "echo said >&2; exit 3"], tmp_path)
    with pytest.raises(ReleaseError, match="absent"):
        run(["absent-program"], tmp_path)
