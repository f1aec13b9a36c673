"""Instances over a list of devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.config.schema import ModelConfig
from grps.errors import ConfigError
from grps.server.configuration import parse_inference
from grps.server.loading.loaders import copy_loaders
from tests.onnx_models import save_identity

MODEL = "models: [{name: m, version: 1.0, inferer_type: onnxruntime, inferer_path: m.onnx%s}]"


def model(keys: str = "") -> ModelConfig:
    return parse_inference(MODEL % keys, "inference.yml").models[0]


def test_devices_take_turns() -> None:
    config = model(", device: 'cuda:0, cuda:1', instances: 2")
    assert config.copies == 4
    devices = [config.for_copy(index).device for index in range(4)]
    assert devices == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert config.for_copy(0).copies == 4


def test_one_device_or_none_is_left_as_it_is() -> None:
    assert model().for_copy(0) == model()
    config = model(", device: 'original cpu', instances: 3")
    assert [config.for_copy(index) for index in range(3)] == [config] * 3


@pytest.mark.parametrize("device", ["cuda:0,", ",cpu", "cpu,,cpu"])
def test_a_device_without_a_name_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match=r"models\[0\].device: .* without a name"):
        model(f", device: '{device}'")


def test_each_copy_is_loaded_on_its_device(tmp_path: Path) -> None:
    file = save_identity(tmp_path / "m.onnx", "float32")
    told: list[str] = []
    keys = f", device: 'cpu,cpu', instances: 1, inferer_path: {file}"
    text = MODEL.replace(", inferer_path: m.onnx%s", keys)
    config = parse_inference(text, "inference.yml").models[0]
    loaders = copy_loaders(config, lambda phase, detail: told.append(detail))
    copies = [load() for load in loaders]
    assert len(copies) == 2
    assert copies[0].runners != copies[1].runners
    assert told[0] == "loading model m-1.0 (copy 1 of 2)"
