"""Settings and the configuration that they are."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from grps.config.parts.batching import BatchingConfig
from grps.tune import Settings, Variant
from grps.tune.settings import differences, model_config
from tests.unit.tune.made import CONFIG, ONE

SPINNING = Variant("onnxruntime", 2, (("allow_spinning", True),))


def test_instances_of_an_engine() -> None:
    made = model_config(CONFIG, Settings(SPINNING, runs=2, isolation="process", max_batch=8))
    assert made.inferer_args == {"allow_spinning": True, "intra_op_threads": 2}
    assert (made.instances, made.isolation) == (2, "process")
    assert made.batching == BatchingConfig(type="dynamic", max_batch_size=8)


def test_runs_of_openvino_are_streams() -> None:
    settings = Settings(Variant("openvino", 1), runs=2)
    made = model_config(CONFIG, settings)
    assert made.inferer_args == {"intra_op_threads": 1, "streams": 2}
    assert (made.inferer_type, made.instances, made.converter_type) == ("openvino", 1, "numpy")
    assert made.batching == BatchingConfig(type="none")
    # Native code has no streams, but instances.
    native = model_config(CONFIG, replace(settings, native=True))
    assert native.inferer_args == {"intra_op_threads": 1, "native": True}
    assert native.instances == 2


def test_arguments_of_the_user_stay_with_their_engine() -> None:
    given = {"graph_optimization_level": "basic", "intra_op_threads": 9, "native": True}
    base = msgspec.structs.replace(CONFIG, inferer_args=given)
    own = model_config(base, Settings(ONE))
    assert own.inferer_args == {"graph_optimization_level": "basic", "intra_op_threads": 1}
    other = model_config(base, Settings(Variant("openvino", 1), native=True))
    assert other.inferer_args == {"intra_op_threads": 1, "native": True}


def test_a_wait_is_a_window() -> None:
    batching = model_config(CONFIG, Settings(ONE, max_batch=4, wait_us=500)).batching
    assert batching is not None
    assert (batching.wait, batching.batch_timeout_us) == ("always", 500)


def test_only_differences_are_written() -> None:
    tuned = model_config(CONFIG, Settings(ONE, runs=2, max_batch=8))
    assert differences(CONFIG, tuned) == {
        "inferer_args": {"intra_op_threads": 1},
        "instances": 2,
        "batching": {"type": "dynamic", "max_batch_size": 8},
    }
    assert differences(tuned, tuned) == {}


def test_what_gets_back_to_its_default_is_written() -> None:
    waiting = BatchingConfig(type="dynamic", max_batch_size=8, wait="always")
    base = msgspec.structs.replace(CONFIG, batching=waiting, instances=3)
    found = differences(base, model_config(base, Settings(ONE, max_batch=8)))
    assert found["instances"] == 1
    assert found["batching"] == {"type": "dynamic", "max_batch_size": 8, "wait": "when_busy"}
    alone = differences(base, model_config(base, Settings(ONE)))
    assert alone["batching"] == {"type": "none"}


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (Settings(ONE), "ONNX Runtime, 1 thread, 1 instance, no batching"),
        (
            Settings(SPINNING, runs=2, isolation="process", max_batch=4, wait_us=90),
            "ONNX Runtime, 2 threads, allow_spinning=true, 2 instances in processes, "
            "batches up to 4 that wait 90 us",
        ),
        (
            Settings(Variant("openvino", 1), runs=2),
            "OpenVINO, 1 thread, 2 streams in threads, no batching",
        ),
        (
            Settings(Variant("openvino", 1), runs=2, native=True),
            "OpenVINO, 1 thread, 2 instances in threads, no batching, native",
        ),
    ],
)
def test_how_they_are_called(settings: Settings, text: str) -> None:
    assert settings.text == text
