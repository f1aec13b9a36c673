"""What a process of its own costs an instance, and what it gains.

``python -m benchmarks.isolation`` compares instances in threads and in processes: user code that
echoes a text (the cost of a hop), that takes a float32 image of 588 KiB (the cost of the copy), and
that computes in pure Python (the gain: processes do not share a GIL).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.load import HEADINGS, measure, serving, write_request
from benchmarks.workloads import USER_CODE, workloads


def main() -> int:
    """Measure every kind of user code in threads and in processes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt-get install wrk")
    echo, mean = workloads()
    for name, converter, body in (
        (echo.name, echo.converter_type, echo.body),
        (mean.name, mean.converter_type, mean.body),
        ("compute", echo.converter_type, echo.body),
    ):
        for isolation in ("thread", "process"):
            for instances in (1, 2):
                print(f"\n{name}, {isolation}, {instances} instances\n{HEADINGS}", flush=True)
                model = {
                    "inferer_name": name,
                    "converter_type": converter,
                    "isolation": isolation,
                    "instances": instances,
                }
                with tempfile.TemporaryDirectory() as made:
                    folder = Path(made)
                    script = write_request(folder, body)
                    with serving(folder / "project", USER_CODE, model) as state:
                        for connections in (1, 8):
                            line = measure(state, script, connections, arguments.seconds)
                            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
