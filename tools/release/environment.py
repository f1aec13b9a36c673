"""What releases are built with: packages of Python, the libraries of Rust, an emulator."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tools.programs.own_environment import python_with
from tools.release.commands import ReleaseError, run
from tools.release.plan import Plan, Target
from tools.repository import ROOT

LOCK = ROOT / "requirements" / "release.lock"
EMULATOR = "qemu-aarch64-static"


def builders() -> Path:
    """Return the folder of the programs that build and check, installed if they are not."""
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    return python_with(".release/venv", packages).parent


def add_rust_target(target: Target) -> None:
    """Install Rust's standard library for a platform.

    Raises:
        ReleaseError: It is not installed and can't be.
    """
    root = Path(run(["rustc", "--print", "sysroot"], ROOT).strip())
    if (root / "lib" / "rustlib" / target.rust / "lib").is_dir():
        return
    if shutil.which("rustup") is None:
        raise ReleaseError(f"Rust's library for {target.rust} is missing, and rustup is not there")
    run(["rustup", "target", "add", target.rust], ROOT)


def emulator() -> Path:
    """Return the program that runs those of ARM, installed from Debian's packages if it is not.

    Raises:
        ReleaseError: It is not installed and can't be.
    """
    if shutil.which(EMULATOR) is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise ReleaseError(
                f"{EMULATOR} is missing; on Debian: apt-get install qemu-user-static"
            )
        run(["apt-get", "update", "-qq"], ROOT)
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "qemu-user-static"]
        run(install, ROOT, {**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    found = shutil.which(EMULATOR)
    if found is None:
        raise ReleaseError(f"{EMULATOR} is not in the package qemu-user-static")
    return Path(found)


def build_environment(plan: Plan, programs: Path, sources: tuple[Path, ...]) -> dict[str, str]:
    """Return the variables of a build.

    Args:
        plan: The run.
        programs: Folder of the builders.
        sources: Folders of sources, whose paths the results must not contain.
    """
    cargo = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    renamed = [f"--remap-path-prefix={cargo}=cargo"]
    renamed += [f"--remap-path-prefix={source}=grps" for source in sources]
    profile = f"CARGO_PROFILE_{plan.profile.upper()}"
    return {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "CARGO_TARGET_DIR": os.environ.get("CARGO_TARGET_DIR", str(plan.work / "target")),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(renamed),
        "CARGO_INCREMENTAL": "0",
        f"{profile}_DEBUG": "false",
        f"{profile}_STRIP": "symbols",
        "GRPS_BUILD_COMMIT": plan.commit,
        "SOURCE_DATE_EPOCH": str(plan.committed_at),
    }
