"""Load a real server over HTTP and report its rate, latency and processor time per request.

Two projects are measured: user code that echoes a text, and user code that takes a float32
image of 588 KiB as JSON. Figures of one machine compare with each other, not with other machines.
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
    """Measure every workload; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--seconds", type=int, default=5, help="length of one measurement")
    parser.add_argument("--connections", default="1,8,32", help="comma list")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt-get install wrk")
    for workload in workloads():
        print(f"\n{workload.name}: {len(workload.body):,} bytes of JSON")
        print(HEADINGS, flush=True)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            script = write_request(folder, workload.body)
            model = {"inferer_name": workload.name, "converter_type": workload.converter_type}
            with serving(folder / "project", USER_CODE, model) as state:
                for connections in map(int, arguments.connections.split(",")):
                    print(measure(state, script, connections, arguments.seconds), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
