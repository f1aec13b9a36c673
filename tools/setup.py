"""Make ``.venv``: Python packages and the native module. Quick when nothing changed.

Runs on any Python from 3.10 with the standard library only. Each step keeps a digest of what it
was made from under ``.setup/`` and is left out while that digest stays the same.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SERVER = ROOT / "grps" / "grps-server"
"""The server without Python, which wheels bring along."""
STATE = ROOT / ".setup"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements" / "dev.lock"
STANDALONE = ROOT / "requirements" / "standalone.txt"
LOCKED_PYTHON = (3, 11)
"""The Python that ``dev.lock`` was resolved on; others resolve without pins."""
MIN_RUST = (1, 88)
STEPS = 4
HEARTBEAT_S = 30


def log_step(number: int, text: str) -> None:
    """Print one numbered progress line."""
    print(f"[{number}/{STEPS}] {text}", flush=True)


def check_programs() -> list[str]:
    """Say what is missing on this machine and how to get it; an empty list when nothing is."""
    missing = []
    if sys.version_info < (3, 10):
        missing.append("Python 3.10 or newer, as python3 or by: make PYTHON=/path/to/python3.x")
    if shutil.which("cc") is None:
        missing.append("a C compiler; on Debian: apt-get install build-essential")
    rust = rust_version()
    if rust is None or rust < MIN_RUST:
        found = "none" if rust is None else ".".join(map(str, rust))
        wanted = ".".join(map(str, MIN_RUST))
        missing.append(f"Rust {wanted} or newer with cargo, by rustup (found: {found})")
    return missing


def rust_version() -> tuple[int, int] | None:
    """Major and minor version of the Rust compiler; ``None`` without one."""
    if shutil.which("cargo") is None or shutil.which("rustc") is None:
        return None
    command = ["rustc", "--version"]
    answer = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    found = re.match(r"rustc (\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None


def digest(parts: Iterable[str], files: Iterable[Path]) -> str:
    """Digest of some words and of the contents of some files."""
    total = hashlib.sha256("\0".join([str(ROOT), sys.version, *parts]).encode())
    for path in sorted(files):
        total.update(f"\0{path.relative_to(ROOT)}\0".encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def is_fresh(name: str, value: str) -> bool:
    """Tell whether the step ``name`` last ended well with this digest."""
    stamp = STATE / name
    return stamp.is_file() and stamp.read_text() == value


def run_step(name: str, *commands: list[str]) -> None:
    """Run commands with their output in ``.setup/NAME.log``; show its end and stop on failure."""
    log = STATE / f"{name}.log"
    environment = {**os.environ, "VIRTUAL_ENV": str(VENV), "PYO3_PYTHON": str(PYTHON)}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    if sys.version_info[:2] == LOCKED_PYTHON:
        environment["PIP_CONSTRAINT"] = str(LOCK)
    start = time.monotonic()
    with log.open("wb") as output:
        for command in commands:
            process = subprocess.Popen(
                command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
            if wait_for(process, start) != 0:
                tail = log.read_text(errors="replace").splitlines()[-40:]
                sys.exit("\n".join([*tail, "", f"setup failed at: {' '.join(command)}"]))
    print(f"      done in {time.monotonic() - start:.0f} s", flush=True)


def wait_for(process: subprocess.Popen[bytes], start: float) -> int:
    """Wait for a process and say now and then that it still runs."""
    while True:
        try:
            return process.wait(timeout=HEARTBEAT_S)
        except subprocess.TimeoutExpired:
            print(f"      … {time.monotonic() - start:.0f} s", flush=True)


def make_environment() -> None:
    """Create ``.venv`` unless it is there and works."""
    value = digest(["venv"], [])
    if PYTHON.exists() and is_fresh("venv", value):
        log_step(2, "virtual environment is up to date")
        return
    log_step(2, "create the virtual environment .venv")
    run_step("venv", [sys.executable, "-m", "venv", "--clear", str(VENV)])
    for stamp in ("packages", "native"):
        (STATE / stamp).unlink(missing_ok=True)
    (STATE / "venv").write_text(value)


def install_packages() -> None:
    """Install the Python packages of the ``dev`` group and the standalone ones."""
    value = digest(["packages"], [ROOT / "pyproject.toml", LOCK, STANDALONE])
    if is_fresh("packages", value):
        log_step(3, "Python packages are up to date")
        return
    log_step(3, "install the Python packages (first time: about 2 minutes)")
    if sys.version_info[:2] != LOCKED_PYTHON:
        print("      this Python has no lock file: taking the newest packages that fit")
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet"]
    run_step(
        "packages",
        [*pip, "--upgrade", "pip>=25.1"],
        [*pip, "--group", "dev"],
        [*pip, "--no-deps", "-r", str(STANDALONE)],
    )
    (STATE / "packages").write_text(value)


def build_module() -> None:
    """Build the native module and the server without Python; install the project."""
    sources = [*ROOT.glob("crates/**/*.rs"), *ROOT.glob("crates/*/Cargo.toml")]
    sources += [*ROOT.glob("crates/*/src/*.json"), *(ROOT / "grps/dashboard").rglob("*.[chj]*")]
    sources += [ROOT / name for name in ("Cargo.toml", "Cargo.lock", "pyproject.toml")]
    value = digest(["native", os.environ.get("RUSTFLAGS", "")], sources)
    has_module = any((ROOT / "grps").glob("_core*.so"))
    if is_fresh("native", value) and has_module and SERVER.is_file():
        log_step(4, "native module is up to date")
        return
    log_step(4, "build the native module (first time: 6 to 16 minutes)")
    run_step(
        "native",
        [str(PYTHON), "-m", "maturin", "develop", "--release"],
        # With the module's package, so that the crates are those that were built for that.
        [
            *("cargo", "build", "--release", "--locked", "--bin", SERVER.name),
            *("--package", "grps-bin", "--package", "grps-py"),
        ],
    )
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / SERVER.name
    # A running program can't be written to, but it can be replaced.
    fresh = SERVER.with_suffix(".new")
    shutil.copy2(built, fresh)
    fresh.replace(SERVER)
    (STATE / "native").write_text(value)


def freeze() -> None:
    """Write the installed versions to ``dev.lock``."""
    answer = subprocess.run(
        [str(PYTHON), "-m", "pip", "freeze", "--all", "--exclude-editable"],
        check=True,
        capture_output=True,
        text=True,
    )
    alone = {
        re.split(r"[=;\s]", line)[0].lower()
        for line in STANDALONE.read_text().splitlines()
        if line and not line.startswith("#")
    }
    # A local version such as +cpu is a choice of the machine, not of the project.
    pins = [line.split("+")[0] for line in answer.stdout.splitlines() if "==" in line]
    kept = [pin for pin in pins if pin.split("==")[0].lower() not in alone]
    version = ".".join(map(str, LOCKED_PYTHON))
    head = (
        f"# Versions that CI uses, on Python {version}. Rewrite with: python3 -m tools.setup --lock"
    )
    LOCK.write_text("\n".join([head, *kept, ""]))


def main() -> None:
    """Run the steps that are due."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", action="store_true", help="resolve again and rewrite dev.lock")
    options = parser.parse_args()
    start = time.monotonic()
    STATE.mkdir(exist_ok=True)
    if not (STATE / "native").exists():
        print("First setup: about 10 to 20 minutes on two cores; later ones take a second.")
    log_step(1, "check the programs of this machine")
    missing = check_programs()
    if missing:
        sys.exit("\n".join(["GRPS needs these programs first:", *(f"  - {m}" for m in missing)]))
    if options.lock:
        LOCK.write_text("torch==2.13.0\n")
        shutil.rmtree(VENV, ignore_errors=True)
    make_environment()
    install_packages()
    build_module()
    if options.lock:
        freeze()
        install_packages()
    print(f"Setup is ready ({time.monotonic() - start:.1f} s).")


if __name__ == "__main__":
    main()
