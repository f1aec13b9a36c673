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
    platform = f"{target.rust}.{GLIBC[0]}.{GLIBC[1]}"
    command = ["cargo-zigbuild", "build", "--locked", "--profile", plan.profile]
    # With the module's package: both are built of the same crates with the same features.
    command += ["--target", platform, "--bin", SERVER, "-p", "grps-bin", "-p", "grps-py"]
    run(command, source, environment)
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
    command = ["maturin", "build", "--profile", plan.profile, "--target", target.rust, "--zig"]
    tag = target.wheel_tag
    command += ["--compatibility", tag.removesuffix(f"_{target.machine}"), "--out", str(plan.dist)]
    run(command, unpacked, environment)
    found = list(plan.dist.glob(f"*-cp310-abi3-{tag}.whl"))
    if len(found) != 1:
        names = sorted(path.name for path in plan.dist.glob("*.whl"))
        raise ReleaseError(f"no wheel for cp310-abi3-{tag}, but {', '.join(names) or 'none'}")
    return found[0]
