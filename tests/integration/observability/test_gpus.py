"""What a service tells of its GPUs, with a library in the place of NVIDIA's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from tests.support import REPOSITORY, serving, user_model, wait_until, write_user_project


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a management library that knows two GPUs."""
    folder = tmp_path_factory.mktemp("nvml")
    source = REPOSITORY / "tests" / "fake_nvml.c"
    target = folder / "libnvidia-ml.so.1"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(target), str(source)], check=True)
    return folder


def test_all_configured_devices_are_watched(tmp_path: Path, library: Path) -> None:
    gpu = {"gpu": {"devices": [0, 1, 7]}}
    write_user_project(tmp_path, [user_model("echo")], gpu)
    with serving(tmp_path, LD_LIBRARY_PATH=str(library)) as server:
        page = requests.get(server.url("/metrics"), timeout=30).text
        for line in (
            'grps_gpu_busy_ratio{gpu="0",name="Fake One"} 0.4',
            'grps_gpu_busy_ratio{gpu="1",name="Fake Two"} 0.5',
            f'grps_gpu_memory_used_bytes{{gpu="1",name="Fake Two"}} {2 << 30}',
            f'grps_gpu_memory_total_bytes{{gpu="0",name="Fake One"}} {8 << 30}',
            'grps_gpu_temperature_celsius{gpu="0",name="Fake One"} 55',
            'grps_gpu_power_watts{gpu="1",name="Fake Two"} 71.5',
        ):
            assert f"\n{line}\n" in page
        # A device that does not tell something, or is not there, is left out.
        assert 'temperature_celsius{gpu="1"' not in page
        assert 'gpu="7"' not in page
        live = requests.get(server.url("/grps/v1/monitor/live"), timeout=30).json()
        assert [one["name"] for one in live["gpus"]] == ["Fake One", "Fake Two"]
        url = server.url("/grps/v1/monitor/series")

        def latest(name: str) -> float | None:
            series = requests.get(url, {"name": name}, timeout=30)
            return None if "key not found" in series.text else series.json()["data"][-2][1]

        wait_until(lambda: latest("*gpu1_usage(%)") == 50, "upstream's series of use")
        assert latest("*gpu1_mem_usage(MIB)") == 2048


def test_without_a_driver_the_service_starts_and_says_so(tmp_path: Path) -> None:
    write_user_project(tmp_path, [user_model("echo")], {"gpu": {"devices": [0]}})
    with serving(tmp_path) as server:
        assert "gpu.devices are not monitored: no NVIDIA driver" in server.whole_log()
        assert "grps_gpu" not in requests.get(server.url("/metrics"), timeout=30).text
