"""The short form: what ``make setup`` has built, packed and tested as a release."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from tools.release import checksums, sbom, server_archive, source
from tools.release.commands import ReleaseError, run, step
from tools.release.plan import SERVER, Plan
from tools.release.trials import smoke
from tools.repository import ROOT
from tools.setup import LOCK, LOCKED_PYTHON

PROGRAMS = Path(sys.executable).parent


def check_built(plan: Plan) -> None:
    """Pack what is built for this machine, and test it in a fresh environment.

    Raises:
        ReleaseError: It is not built, or something fails.
    """
    (target,) = plan.targets
    server = ROOT / "grps" / SERVER
    if not server.is_file() or find_spec("grps._core") is None:
        raise ReleaseError("nothing is built; run: make setup")
    with step("source package"):
        package = source.pack(plan, ROOT, PROGRAMS / "maturin")
        unpacked = source.unpack(package, plan.work / "sdist")
        source.check_complete(unpacked, ROOT, os.environ)
    with step("wheel"):
        wheel = pack_wheel(plan)
    with step("server without Python"):
        archive = server_archive.pack_server(plan, target, server, ROOT)
    with step("list of software"):
        sbom.write_sbom(plan, ROOT, wheel)
    with step("checksums"):
        checksums.write_checksums(plan.dist)
        run(["sha256sum", "--check", "--strict", checksums.FILE], plan.dist)
    # Builds that are not for a release do not know their commit.
    facts = replace(smoke.facts_of(plan, target), commit=None)
    folder = plan.work / "test"
    with step("test of the wheel"):
        lock = LOCK if sys.version_info[:2] == LOCKED_PYTHON else None
        smoke.check_wheel(Path(sys.executable), wheel, folder, facts, lock)
    with step("test of the server without Python"):
        (library,) = folder.glob("venv/lib/*/site-packages/onnxruntime/capi/libonnxruntime.so.*")
        smoke.check_server_archive(archive, library, folder, facts)


def pack_wheel(plan: Plan) -> Path:
    """Write the wheel of this machine; Cargo builds nothing anew after ``make setup``.

    Raises:
        ReleaseError: There is none.
    """
    # As tools/setup.py runs it: other variables or flags would be another build.
    environment = {**os.environ, "PYO3_PYTHON": sys.executable, "VIRTUAL_ENV": sys.prefix}
    words = ["build", "--profile", plan.profile, "--out", str(plan.dist)]
    words += ["--compression-level", "1"]
    run([PROGRAMS / "maturin", *words], ROOT, environment)
    found = list(plan.dist.glob("*.whl"))
    if len(found) != 1:
        raise ReleaseError(f"{plan.dist} has {len(found)} wheels, not one")
    return found[0]
