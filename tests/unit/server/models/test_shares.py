"""How processors and GPU memory are shared among the models of a service."""

from __future__ import annotations

import os
from typing import Any

import pytest

from grps.config.schema import GpuConfig, ModelConfig
from grps.server.models import shares
from grps.server.models.shares import give_shares, gpu_of_a_process, threads_of_a_run

TENSORFLOW_THREADS = "TF_NUM_INTRAOP_THREADS"


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "usable_cpus", lambda: 8)
    # Set first, so that what a test leaves there is taken away again.
    monkeypatch.setenv(TENSORFLOW_THREADS, "")
    monkeypatch.delenv(TENSORFLOW_THREADS)


def model(name: str = "m", inferer_type: Any = "onnxruntime", **keys: Any) -> ModelConfig:
    return ModelConfig(name=name, version="1", inferer_type=inferer_type, **keys)


@pytest.mark.parametrize(
    ("models", "threads"),
    [
        ([model()], 8),
        ([model(instances=2)], 4),
        ([model(instances=3)], 2),
        ([model(instances=16)], 1),
        ([model(device="cpu,cpu", instances=2)], 2),
        ([model(), model("n", "torch")], 4),
        ([model(), model("n", "xgboost"), model("o", "lightgbm"), model("p", "openvino")], 2),
        ([model("o", "openvino", inferer_args={"streams": 4})], 2),
        ([model("o", "openvino", inferer_args={"streams": 4}, instances=2)], 1),
        ([model(), model("u", "customized"), model("s", "sklearn")], 8),
        ([model(), model("t", "tensorflow", instances=3), model("v", "tensorflow")], 4),
        ([model(), model("t", "tensorflow", device="gpu")], 8),
        ([model(), model("g", device="cuda:0,cuda:1"), model("h", device="original gpu")], 8),
        ([model(), model("g", device="cuda:0,cpu")], 4),
        ([model("g", device="cuda")], 8),
        ([model(), model("x", device="nonsense")], 4),
    ],
)
def test_all_runs_together_keep_no_more_than_the_processors_busy(
    models: list[ModelConfig], threads: int
) -> None:
    assert threads_of_a_run(models) == threads
    shared = give_shares(models[0], models, None)
    assert (shared.inferer_args or {})["intra_op_threads"] == threads


def test_what_the_user_says_counts() -> None:
    own = model(inferer_args={"intra_op_threads": 3, "allow_spinning": True})
    assert give_shares(own, [own], None).inferer_args == own.inferer_args
    empty = model(inferer_args={"intra_op_threads": None})
    assert give_shares(empty, [empty], None).inferer_args == {"intra_op_threads": 8}


@pytest.mark.parametrize("kind", ["tensorflow", "tensorrt", "sklearn", "customized", "identity"])
def test_engines_that_share_threads_get_none_of_their_own(kind: str) -> None:
    one = model(inferer_type=kind)
    assert give_shares(one, [one, model("n")], None).inferer_args is None


def test_tensorflow_is_told_its_share_unless_the_environment_says_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = [model("t", "tensorflow"), model("u", "tensorflow"), model()]
    give_shares(models[2], models, None)
    assert TENSORFLOW_THREADS not in os.environ
    give_shares(models[0], models, None)
    assert os.environ[TENSORFLOW_THREADS] == "4"
    monkeypatch.setenv(TENSORFLOW_THREADS, "7")
    give_shares(models[1], models, None)
    assert os.environ[TENSORFLOW_THREADS] == "7"


def gpu(**keys: Any) -> GpuConfig:
    return GpuConfig(**{"mem_manager_type": "onnxruntime", **keys})


def test_sessions_share_the_memory_of_their_gpu() -> None:
    models = [
        model("a", device="cuda:0"),
        model("b", device="cuda:0,cuda:1", instances=2),
        model("c", device="cpu"),
        model("d", "torch", device="cuda:0"),
    ]
    limits = [
        (give_shares(one, models, gpu(mem_limit_mib=900)).inferer_args or {}).get(
            "gpu_mem_limit_mib"
        )
        for one in models
    ]
    # Three sessions are on cuda:0, which has most of them.
    assert limits == [300, 300, None, None]
    assert give_shares(models[0], models, gpu(mem_limit_mib=-1)).inferer_args == {
        "intra_op_threads": 8
    }
    other = gpu(mem_limit_mib=900, mem_manager_type="torch")
    assert "gpu_mem_limit_mib" not in (give_shares(models[0], models, other).inferer_args or {})


def test_sessions_on_gpus_give_memory_back() -> None:
    models = [model("a", device="cuda"), model("b", device="cpu")]
    config = gpu(mem_gc_enable=True, mem_gc_interval=7)
    found = [give_shares(one, models, config).inferer_args or {} for one in models]
    assert [one.get("arena_gc_interval_s") for one in found] == [7, None]
    assert (give_shares(models[0], models, gpu(mem_gc_enable=True)).inferer_args or {})[
        "arena_gc_interval_s"
    ] == 60


def test_processes_share_the_memory() -> None:
    here = model("a", "torch", device="cuda")
    apart = model("b", "torch", device="cuda:0,cuda:1", isolation="process")
    config = GpuConfig(mem_manager_type="torch", mem_limit_mib=900)
    assert gpu_of_a_process([here], config) == config
    shared = gpu_of_a_process([here, apart], config)
    assert shared is not None
    assert shared.mem_limit_mib == 300
    assert gpu_of_a_process([apart], None) is None
    unlimited = GpuConfig(mem_manager_type="torch", mem_gc_enable=True)
    assert gpu_of_a_process([here, apart], unlimited) is unlimited
    tiny = GpuConfig(mem_manager_type="torch", mem_limit_mib=1)
    least = gpu_of_a_process([here, apart], tiny)
    assert least is not None
    assert least.mem_limit_mib == 1
