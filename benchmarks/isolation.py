"""What a process of its own costs an instance, and what it gains.

``python -m benchmarks.isolation`` compares instances in threads and in processes: user code that
echoes a text (the cost of a hop), that takes a float32 image of 588 KiB (the cost of the copy), and
that computes in pure Python (the gain: processes do not share a GIL).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.__main__ import workloads
from benchmarks.load import HEADINGS, measure, serving, write_request

CODE = """
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


class Compute(Plain):
    def infer(self, inp, context):
        total = 0
        for number in range(40_000):
            total += number
        return inp


inferer_register.register("echo", Echo())
inferer_register.register("mean", Mean())
inferer_register.register("compute", Compute())
"""


def main() -> int:
    """Measure every kind of user code in threads and in processes; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation", description=__doc__)
    parser.add_argument("--seconds", type=int, default=4, help="length of one measurement")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        parser.error("wrk is not installed; on Debian: apt-get install wrk")
    image = next(workload.body for workload in workloads() if workload.name == "mean")
    text = json.dumps({"str_data": "hello world"})
    for name, converter, body in (
        ("echo", "none", text),
        ("mean", "numpy", image),
        ("compute", "none", text),
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
                    with serving(folder / "project", CODE, model) as state:
                        for connections in (1, 8):
                            line = measure(state, script, connections, arguments.seconds)
                            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
