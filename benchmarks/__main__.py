"""Load a real server over HTTP and report its rate, latency and processor time per request.

Two projects are measured: user code that echoes a text, and user code that takes a float32
image of 588 KiB as JSON. Figures of one machine compare with each other, not with other machines.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import HEADINGS, measure, serving, write_request

IMAGE_SHAPE = (3, 224, 224)

USER_CODE = """
from grps.inference.inferer import ModelInferer
from grps.inference.registry import inferer_register


class Plain(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True


class Echo(Plain):
    def infer(self, inp, context):
        return inp


class Mean(Plain):
    def infer(self, inp, context):
        return inp["input"].mean(axis=(2, 3))


inferer_register.register("echo", Echo())
inferer_register.register("mean", Mean())
"""


@dataclass(frozen=True, slots=True)
class Workload:
    """A model of user code and the request it is asked with."""

    name: str
    converter_type: str
    body: str


def workloads() -> list[Workload]:
    """Return what is measured."""
    channels, height, width = IMAGE_SHAPE
    row = ",".join(f"{0.0001 * (i * 7919 % 10000):.4f}" for i in range(width))
    plane = ",".join([f"[{row}]"] * height)
    image = ",".join([f"[{plane}]"] * channels)
    return [
        Workload("echo", "none", json.dumps({"str_data": "hello world"})),
        Workload("mean", "numpy", f'{{"ndarray": [[{image}]]}}'),
    ]


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
