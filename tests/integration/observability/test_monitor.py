"""Series of a running service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from grps.protocol.pb.grps_pb2 import GrpsMessage, Status
from tests.support import RunningServer, serving, user_model, wait_until, write_project

CODE = """
from grps import GrpsContext, ModelInferer, inferer_register
from grps.inference.monitor import app_monitor
from grps.protocol.pb.grps_pb2 import GrpsMessage


class OutOfMemoryError(RuntimeError):
    pass


class Measured(ModelInferer):
    def init(self, path, device=None, args=None):
        super().init(path, device, args)

    def load(self):
        return True

    def infer(self, inp, context: GrpsContext):
        value = float(inp.str_data)
        for kind in ("avg", "max", "min", "inc", "cdf"):
            getattr(app_monitor, kind)(kind, value)
        app_monitor.max("*qps", value)
        app_monitor.max("<script>", value)
        if value < -9:
            raise OutOfMemoryError("as a framework would")
        if value < 0:
            raise ValueError("negative")
        return GrpsMessage(str_data="ok")


inferer_register.register("measured", Measured())
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("monitor")
    write_project(folder, [user_model("measured")])
    (folder / "src").mkdir()
    (folder / "src" / "customized_inferer.py").write_text(CODE)
    with serving(folder) as running:
        yield running


def series(server: RunningServer, name: str) -> dict[str, Any]:
    url = server.url("/grps/v1/monitor/series")
    found: dict[str, Any] = requests.get(url, {"name": name}, timeout=30).json()
    return found


def minute(server: RunningServer, name: str) -> list[Any]:
    """The points of the latest seconds, and of two minutes in case one has just ended."""
    return [value for _, value in series(server, name)["data"][112:]]


def test_users_metrics_are_series(server: RunningServer) -> None:
    for value in ("1", "2", "3"):
        assert server.post({"str_data": value}).status_code == 200
    assert max(minute(server, "max")) == 3
    assert min(value for value in minute(server, "min") if value is not None) == 1
    assert sum(minute(server, "inc")[2:]) == 6
    distribution = series(server, "cdf")
    assert distribution["label"] == "cdf"
    assert dict(distribution["data"])[101] == 3
    assert None in minute(server, "min")
    assert server.whole_log().count("the name of a metric must have 1 to 128 bytes") == 1


def test_requests_are_counted(server: RunningServer) -> None:
    before = sum(minute(server, "*qps")[2:])
    for _ in range(5):
        server.post({"str_data": "1"})
    server.post({"str_data": "-1"})
    with server.stub() as stub:
        stub.Predict(GrpsMessage(str_data="1"))
        assert stub.Predict(GrpsMessage(str_data="-1")).status.status == Status.FAILURE
    wait_until(lambda: sum(minute(server, "*qps")[2:]) >= before + 8, "the next tick")
    assert max(minute(server, "*fail_rate(%)")) > 0
    assert max(minute(server, "*latency_max(ms)")) >= max(minute(server, "*latency_avg(ms)")) > 0
    assert dict(series(server, "*latency_cdf(ms)")["data"])[101] > 0
    wait_until(lambda: max(minute(server, "*mem_usage(%)")) > 0, "memory is measured")


def test_the_latest_values_are_in_a_file(server: RunningServer) -> None:
    server.post({"str_data": "1"})
    file: Path = server.folder / "logs" / "grps_monitor.log"
    wait_until(lambda: file.is_file() and "inc : " in file.read_text(), "the file is written")
    text = file.read_text()
    assert "*latency_cdf(ms)_99.9 : " in text
    assert "*qps : " in text


def test_the_page_names_all_series(server: RunningServer) -> None:
    server.post({"str_data": "1"})
    page = requests.get(server.url("/grps/v1/monitor/metrics"), timeout=30)
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '"*qps"' in page.text
    assert "\\u003cscript>" in page.text
    assert page.text.count("<script>") == 1


def test_a_device_short_of_memory_is_counted(server: RunningServer) -> None:
    assert server.post({"str_data": "-10"}).status_code == 500
    assert sum(minute(server, "*gpu_oom_count")[2:]) == 1
