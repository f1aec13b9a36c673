"""Builds the server without Python and the wheels, for this platform or for others."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.release.commands import ReleaseError, run
from tools.release.plan import GLIBC, SERVER, Plan, Target


def build_server(plan: Plan, target: Target, source: Path, environment: Mapping[str, str]) -> Path:
    """Build the server without Python with Zig's linker and C library; return the program.

    Args:
        plan: The run.
        target: The platform.
        source: The folder of the repository.
        environment: All variables of the build.
    """
    # A fresh clone, packed already; maturin refuses a program beside the scripts of a package.
    (source / "pyproject.toml").unlink(missing_ok=True)
    # As the wheels, by the same linker: Cargo then takes what it has compiled for one for both.
    words = ["--manifest-path", "crates/grps-bin/Cargo.toml", "--bindings", "bin", "--locked"]
    run([*_maturin(plan, target), *words, "--out", str(plan.work / "server")], source, environment)
    return Path(environment["CARGO_TARGET_DIR"], target.rust, plan.built, SERVER)


def build_wheel(
    plan: Plan, target: Target, unpacked: Path, server: Path, environment: Mapping[str, str]
) -> Path:
    """Build a wheel from the unpacked source package; return it.

    Args:
        plan: The run.
        target: The platform.
        unpacked: The folder of the source package.
        server: The program that the wheel brings along.
        environment: All variables of the build.

    Raises:
        ReleaseError: The wheel has another name than expected.
    """
    shutil.copy2(server, unpacked / "grps" / SERVER)
    run([*_maturin(plan, target), "--out", str(plan.dist)], unpacked, environment)
    tag = target.wheel_tag
    found = list(plan.dist.glob(f"*-cp310-abi3-{tag}.whl"))
    if len(found) != 1:
        names = sorted(path.name for path in plan.dist.glob("*.whl"))
        raise ReleaseError(f"no wheel for cp310-abi3-{tag}, but {', '.join(names) or 'none'}")
    return found[0]


def _maturin(plan: Plan, target: Target) -> list[str]:
    command = ["maturin", "build", "--profile", plan.profile, "--target", target.rust, "--zig"]
    return [*command, "--compatibility", f"manylinux_{GLIBC[0]}_{GLIBC[1]}"]
