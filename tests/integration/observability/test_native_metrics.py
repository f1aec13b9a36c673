"""Metrics that a project's native library records through the C ABI."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from tests.support import REPOSITORY, serving, user_model, wait_until, write_user_project

CODE = """
import ctypes

from grps import ModelInferer, app_monitor, inferer_register
from grps.protocol.pb.grps_pb2 import GrpsMessage


class Native(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)
        self.library = ctypes.CDLL(path)
        self.library.measure.argtypes = [ctypes.c_double]
        self.library.attach(ctypes.c_void_p(app_monitor.c_api()))

    def load(self):
        return True

    def infer(self, inp, context):
        return GrpsMessage(str_data=str(self.library.measure(float(inp.str_data))))


inferer_register.register("native", Native())
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("native") / "metrics.so"
    source = REPOSITORY / "tests" / "native_metrics.cpp"
    command = ["g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    headers = REPOSITORY / "sdk" / "cpp" / "include"
    subprocess.run([*command, f"-I{headers}", "-o", str(target), str(source)], check=True)
    return target


def test_the_header_is_c_as_well() -> None:
    header = REPOSITORY / "sdk" / "cpp" / "include" / "grps" / "monitor.h"
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c"]
    subprocess.run([*command, str(header)], check=True)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_native_code_records_metrics(tmp_path: Path, library: Path, isolation: str) -> None:
    model = user_model("native", inferer_path=str(library), isolation=isolation)
    write_user_project(tmp_path, [model], code=CODE)
    with serving(tmp_path) as server:
        for value in ("1", "2", "6"):
            assert server.post({"str_data": value}).json()["str_data"] == "0"

        def total() -> bool:
            page = requests.get(server.url("/metrics"), timeout=30).text
            return 'grps_user_increments_total{name="native-inc"} 9\n' in page

        wait_until(total, "the sum of what was recorded")
        url = server.url("/grps/v1/monitor/series")
        spread = requests.get(url, {"name": "native-cdf"}, timeout=30).json()
        assert dict(spread["data"])[101] == 6
        highest = requests.get(url, {"name": "native-max"}, timeout=30).json()["data"]
        assert max(value for _, value in highest[112:]) == 6
