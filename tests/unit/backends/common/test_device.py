"""The device grammar."""

from __future__ import annotations

import pytest

from grps.backends.common.device import Device, choose_device, parse_device
from grps.errors import DeviceError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, Device("auto")),
        ("", Device("auto")),
        ("cpu", Device("cpu")),
        ("CPU", Device("cpu")),
        ("cuda", Device("cuda", 0)),
        ("gpu", Device("cuda", 0)),
        ("cuda:2", Device("cuda", 2)),
        ("gpu:1", Device("cuda", 1)),
        ("npu", Device("npu")),
        ("NPU:1", Device("npu", 1)),
        ("original", Device("original")),
        ("original cpu", Device("original", inputs=Device("cpu"))),
        ("original gpu:1", Device("original", inputs=Device("cuda", 1))),
    ],
)
def test_parses_every_form(text: str | None, expected: Device) -> None:
    assert parse_device(text) == expected


def test_inp_device_counts_only_for_original() -> None:
    assert parse_device("original", "gpu") == Device("original", inputs=Device("cuda"))
    assert parse_device("original cpu", "gpu") == Device("original", inputs=Device("cpu"))
    assert parse_device("cpu", "gpu") == Device("cpu")


@pytest.mark.parametrize(
    "text",
    ["tpu", "cuda:", "cuda:-1", "cuda:x", "cpu:0", "cpu cpu", "original tpu", "original cpu cpu"],
)
def test_refuses_anything_else(text: str) -> None:
    with pytest.raises(DeviceError, match="allowed: cpu, cuda, cuda:N, gpu, gpu:N, npu, "):
        parse_device(text)


def test_refuses_a_wrong_inp_device() -> None:
    with pytest.raises(DeviceError, match=r"inp_device: 'tpu' is not a device; allowed: cpu, cuda"):
        parse_device("original", "tpu")


def test_auto_prefers_cuda() -> None:
    assert choose_device(Device("auto"), 1, "") == Device("cuda")
    assert choose_device(Device("auto"), 0, "") == Device("cpu")


def test_refuses_an_absent_cuda_device() -> None:
    with pytest.raises(DeviceError, match=r"^device cuda:1: this machine has 1 CUDA device$"):
        choose_device(Device("cuda", 1), 1, "")
    with pytest.raises(DeviceError, match="this machine has 2 CUDA devices"):
        choose_device(Device("original", inputs=Device("cuda", 2)), 2, "")
    with pytest.raises(DeviceError, match="device cuda:0: built without CUDA; use device: cpu"):
        choose_device(Device("cuda"), 0, "built without CUDA")


def test_only_openvino_has_npus() -> None:
    with pytest.raises(DeviceError, match="device npu:0: only OpenVINO runs on NPUs"):
        choose_device(parse_device("npu"), 1, "")


def test_a_gpu_of_any_maker_is_told_apart() -> None:
    assert parse_device("gpu:1").any_gpu
    assert not parse_device("cuda:1").any_gpu


def test_writes_devices_as_users_do() -> None:
    for text in ("cpu", "cuda:1", "npu:0", "original", "original cuda:0"):
        assert str(parse_device(text)) == text
