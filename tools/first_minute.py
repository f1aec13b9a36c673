"""Measure the first minute of a new user: install GRPS, serve a model, open its page.

A fresh virtual environment gets the wheel with the extra ``onnx`` from the package index that pip
is set to. ``--wheel`` names the wheel; without it, one is built of this tree, which is not counted.
``--packed`` packs the tree as it is instead, with the native code that was built in it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from grps.deploy.container.wheel import write_wheel
from tools.repository import ROOT

MODEL = ROOT / "grps" / "deploy" / "project" / "templates" / "cpp_onnx" / "data" / "model.onnx"
PREDICT = "grps/v1/infer/predict"
TIMEOUT_S = 600
PAGE = re.compile(r"^dashboard (http://\S+)$", re.MULTILINE)
T = TypeVar("T")


@dataclass
class Minute:
    """What a new user does, and how long each step takes."""

    folder: Path
    steps: list[tuple[str, float]] = field(default_factory=list)

    def step(self, name: str, run: Callable[[], T]) -> T:
        """Run a step and note its seconds."""
        print(f"{name} …", flush=True)
        began = time.monotonic()
        result = run()
        self.steps.append((name, time.monotonic() - began))
        return result

    def run(self, *command: str | Path) -> str:
        """Run a command in the folder and return what it prints.

        Raises:
            SystemExit: It failed.
        """
        path = f"{self.folder / 'env' / 'bin'}{os.pathsep}{os.environ['PATH']}"
        variables = {**os.environ, "GRPS_HOME": str(self.folder / "services"), "PATH": path}
        variables.pop("PYTHONPATH", None)  # the wheel is measured, not this tree
        ran = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if ran.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, command))} failed:\n{ran.stdout}{ran.stderr}")
        return ran.stdout

    def grpst(self, *words: str | Path) -> str:
        """Run the tool of the new environment."""
        return self.run(self.folder / "env" / "bin" / "grpst", *words)


def build_wheel(folder: Path, profile: str) -> Path:
    """Build a wheel of this tree.

    Args:
        folder: Where it is put.
        profile: The profile of cargo: ``dev`` or ``release``.
    """
    command = ["build", "--profile", profile, "--out", str(folder)]
    subprocess.run([sys.executable, "-m", "maturin", *command], cwd=ROOT, check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def measure(minute: Minute, wheel: Path) -> None:
    """Do what a new user does."""
    python = minute.folder / "env" / "bin" / "python"
    minute.step(
        "make a virtual environment", lambda: minute.run(sys.executable, "-m", "venv", "env")
    )
    install = (python, "-m", "pip", "install", "--quiet", f"{wheel}[onnx]")
    minute.step("install the wheel with [onnx]", lambda: minute.run(*install))
    where = ("--host", "127.0.0.1", "--port", "0,0", "--no_logging")
    serve_model(minute, "serve a model file", "serve", MODEL, *where)
    minute.step("write an app of ten lines", lambda: minute.grpst("example", "app"))
    serve_model(minute, "serve the app", "serve", "app/app.py", *where)


def serve_model(minute: Minute, name: str, *command: str | Path) -> None:
    """Serve something, open its page, and send it a request."""
    printed = minute.step(name, lambda: minute.grpst(*command))
    try:
        found = PAGE.search(printed)
        if found is None:
            raise SystemExit(f"no page is named in:\n{printed}")
        page = found[1]
        minute.step("open its page", lambda: _get(page, None))
        body = json.dumps({"ndarray": [[1, 2]]}).encode()
        minute.step("send a request", lambda: _get(page + PREDICT, body))
    finally:
        minute.grpst("stop", "my_grps")


def _get(url: str, body: bytes | None) -> bytes:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
        found: bytes = answer.read()
    return found


def main() -> int:
    """Measure, and print the seconds of each step."""
    parser = argparse.ArgumentParser(prog="python -m tools.first_minute", description=__doc__)
    parser.add_argument("--wheel", type=Path, help="the wheel to install")
    parser.add_argument("--packed", action="store_true", help="pack the tree; build nothing")
    parser.add_argument(
        "--profile", default="dev", help="profile of cargo for a wheel of this tree"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="grps_first_minute_") as name:
        minute = Minute(Path(name))
        wheel = arguments.wheel
        if wheel is None and arguments.packed:
            wheel = write_wheel(minute.folder)
        elif wheel is None:
            wheel = build_wheel(minute.folder / "wheel", arguments.profile)
        measure(minute, wheel.resolve())
    print(f"\n{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs")
    for step, seconds in minute.steps:
        print(f"{seconds:7.2f} s  {step}")
    print(f"{sum(seconds for _, seconds in minute.steps):7.2f} s  in all")
    return 0


if __name__ == "__main__":
    sys.exit(main())
