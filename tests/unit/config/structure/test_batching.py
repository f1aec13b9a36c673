"""``batching: auto`` and its latency, by both readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grps.config.parts.batching import SLO_PATTERN, BatchingConfig
from grps.config.schema import ModelConfig
from grps.errors import ConfigError
from grps.server.configuration import parse_inference
from grps.server.models.model import native_batching
from tests.unit.config.test_native_reader import by_program, by_python


def text_with(batching: str) -> str:
    return f"""\
models:
- name: m
  version: 1.0.0
  inferer_type: onnxruntime
  inferer_path: m.onnx
  batching: {batching}
"""


def read(batching: str) -> ModelConfig:
    return parse_inference(text_with(batching), "inference.yml").models[0]


def refused(tmp_path: Path, batching: str) -> str:
    """What both readers say."""
    path = tmp_path / "inference.yml"
    path.write_text(text_with(batching))
    with pytest.raises(ConfigError) as raised:
        parse_inference(text_with(batching), str(path))
    assert by_program("inference", [path]) == [by_python("inference", path)]
    return str(raised.value)


@pytest.mark.parametrize("word", ["auto", "dynamic", "none"])
def test_a_word_in_place_of_the_section_is_its_type(tmp_path: Path, word: str) -> None:
    model = read(word)
    assert model.batching == BatchingConfig(type=word)  # type: ignore[arg-type]
    assert model.joins_requests == (word != "none")
    path = tmp_path / "inference.yml"
    path.write_text(text_with(word))
    assert by_program("inference", [path]) == [by_python("inference", path)]


@pytest.mark.parametrize(
    ("batching", "message"),
    [
        ("autom", "models[0].batching.type: expected one of auto, continuous, dynamic, none"),
        ("''", "models[0].batching.type: expected one of"),
        ("1", "models[0].batching.type: expected one of"),
        ("[auto]", "models[0].batching: expected a section of keys; got a list"),
        ("{type: dynamic, slo: p99=20ms}", "slo: has no effect without 'type: auto'"),
        ("{type: auto, slo: 20ms}", "slo: expected a latency such as p99=20ms"),
        ("{type: auto, steps: {}}", "steps: has no effect without 'type: continuous'"),
        ("{preferred_sizes: [2]}", "without 'type: dynamic' or 'type: auto'"),
    ],
)
def test_refused(tmp_path: Path, batching: str, message: str) -> None:
    assert message in refused(tmp_path, batching)


@pytest.mark.parametrize(
    "slo", ["p50=1us", "p90=0.001ms", "p95=1.25s", "p99=999999.999ms", "p99.9=0.5s"]
)
def test_latencies(slo: str) -> None:
    assert native_batching(read(f"{{type: auto, slo: {slo}, max_batch_size: 3}}")).slo == slo


@pytest.mark.parametrize(
    "slo",
    [
        *("p99=0ms", "p99=0.0ms", "p99=1000000ms", "p99=1.0001ms", "p99=0.5us", "p98=1ms"),
        *("p99 = 1ms", "p99=1ms ", "P99=1ms", "p99=-1ms", "p99=1e3ms", "p99=ms", "p99=01ms"),
        *("p99=1m", "99=1ms", "p99=20"),
    ],
)
def test_what_is_no_latency(slo: str) -> None:
    assert re.search(SLO_PATTERN, slo) is None


def test_what_the_data_plane_gets() -> None:
    auto = native_batching(read("{type: auto, allowed_sizes: [16, 4], wait: always}"))
    assert (auto.is_auto, auto.slo, auto.max_rows, auto.allowed_sizes) == (True, None, 16, (4, 16))
    assert not native_batching(read("{type: dynamic}")).is_auto
    assert not native_batching(read("none")).is_auto
