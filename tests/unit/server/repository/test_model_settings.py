"""What of a ``config.pbtxt`` is read, what has no effect, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from grps.errors import ConfigError
from grps.server.repository.config_text import MAX_BYTES, read_config
from grps.server.repository.model_settings import ModelSettings, settings_of

WHOLE = """
# a comment
name: "net"
platform: 'onnxruntime_onnx'
max_batch_size: 8
input [ { name: "x" data_type: TYPE_FP32 dims: [ -1, 3 ] } ]
output < name: "y"; data_type: TYPE_FP32, dims: 1 >
dynamic_batching {
  preferred_batch_size: [ 4, 8, 8 ]
  max_queue_delay_microseconds: 100
  priority_levels: 2
  default_queue_policy { max_queue_size: 100, default_timeout_microseconds: 500000 }
}
instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0, 1 ] } ]
version_policy: { latest { num_versions: 2 } }
"""


def read(text: str, name: str = "net") -> ModelSettings:
    return settings_of(read_config(text), name)


def test_text_form() -> None:
    text = r"""a: "one" ' two\n"  b { c: [1, x, true] c: -2 } d [ { e: "\"" }, { e: '' } ]"""
    with pytest.raises(ConfigError, match="line 1: "):
        read_config(text)  # the quote that opens is not closed
    assert read_config(text.replace("' two\\n\"", "' two\\n'")) == {
        "a": ["one two\n"],
        "b": [{"c": [1, "x", True, -2]}],
        "d": [{"e": ['"']}, {"e": [""]}],
    }
    assert read_config("") == {}


def test_a_whole_configuration() -> None:
    settings = read(WHOLE)
    assert settings.engine == "onnxruntime"
    assert settings.keys == {
        "batching": {
            "type": "dynamic",
            "max_batch_size": 8,
            "preferred_sizes": [4, 8],
            "wait": "always",
            "batch_timeout_us": 100,
        },
        "queue": {"priority_levels": 2, "max_length": 100, "timeout_ms": 500},
        "instances": 2,
        "device": "cuda:0,cuda:1",
    }
    assert settings.chosen(["1", "10", "9"]) == ["9", "10"]
    assert settings.notes == []


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("", {}),
        ("max_batch_size: 8", {}),
        ("max_batch_size: 8 dynamic_batching {}",
         {"batching": {"type": "dynamic", "max_batch_size": 8}}),
        ("instance_group { kind: KIND_CPU }", {"instances": 1, "device": "cpu"}),
        ("instance_group { count: 3 }", {"instances": 3}),
        ("instance_group { kind: KIND_GPU }", {"instances": 1, "device": "cuda:0"}),
    ],
)  # fmt: skip
def test_parts(text: str, keys: dict[str, Any]) -> None:
    assert read(text).keys == keys


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("", ["3"]),
        ("version_policy { all {} }", ["1", "2", "3"]),
        ("version_policy { specific { versions: [1, 3, 9] } }", ["1", "3"]),
        ("version_policy { latest {} }", ["3"]),
    ],
)
def test_versions(text: str, chosen: list[str]) -> None:
    assert read(text).chosen(["2", "3", "1"]) == chosen


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("dynamic_batching {}", "dynamic_batching has no effect without max_batch_size"),
        ("max_batch_size: 1 dynamic_batching { preserve_ordering: true }",
         "dynamic_batching.preserve_ordering has no effect"),
        ("max_batch_size: 1 dynamic_batching { default_queue_policy { timeout_action: DELAY } }",
         "default_queue_policy.timeout_action has no effect"),
        ("optimization {}", "optimization has no effect"),
        ("instance_group { profile: '1' }", "instance_group.profile has no effect"),
    ],
)  # fmt: skip
def test_what_has_no_effect_is_noted(text: str, note: str) -> None:
    assert read(text).notes == [note]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("ensemble_scheduling {}", "ensemble_scheduling: an ensemble; write a graph"),
        ("sequence_batching {}", "it keeps a state"),
        ("backend: 'python'", "backend 'python' is not served"),
        ("name: 'other'", "name is 'other', but the folder is 'net'"),
        ("model_transaction_policy { decoupled: true }", "decoupled models"),
        ("default_model_filename: '../x'", "is no name of a file"),
        ("max_batch_size: -1", "max_batch_size is -1"),
        ("max_batch_size: [", "line 1: the text ends too early"),
        ("a", "line 1: a has no value"),
        ("\n\n}", "line 3: '}' is no name of a field"),
        ("a: }", "line 1: '}' is no value"),
        ("a: @", "line 1: '@' is not expected"),
        ("instance_group [ { count: 1 }, { count: 2 } ]", "groups with different counts"),
        ("instance_group { kind: KIND_TPU }", "KIND_TPU is no kind"),
        ("dynamic_batching: 3 max_batch_size: 1", "which is no message"),
    ],
)
def test_what_is_refused(text: str, cause: str) -> None:
    with pytest.raises(ConfigError, match=cause):
        read(text)


def test_limits_of_the_text() -> None:
    assert read_config("a {" * 31 + "}" * 31)
    with pytest.raises(ConfigError, match="more than 32 levels"):
        read_config("a {" * 32 + "}" * 32)
    assert read_config("#" * MAX_BYTES) == {}
    with pytest.raises(ConfigError, match=f"more than {MAX_BYTES} bytes"):
        read_config("#" * (MAX_BYTES + 1))
