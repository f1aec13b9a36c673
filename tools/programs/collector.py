"""The OpenTelemetry collector that traces are exported to in tests and measurements.

``python -m tools.programs.collector`` builds it; that is quick when it is there.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tools.programs.golang import built
from tools.repository import ROOT

SOURCE = ROOT / "tests" / "collector"
END_TIMEOUT_S = 30


def collector() -> Path:
    """Return the program, built if need be."""
    return built("collector", SOURCE, ".")


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


if __name__ == "__main__":
    print(collector())
