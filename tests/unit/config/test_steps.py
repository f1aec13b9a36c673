"""The rules for step models, by both readers."""

from __future__ import annotations

from pathlib import Path

import pytest

from grps.config.parts.batching import StepsConfig, StepTextConfig
from grps.config.secrets import hide_secrets
from grps.errors import ModelError
from grps.server.configuration import parse_inference
from grps.server.loading.loaders import copy_loaders
from tests.unit.config.test_native_reader import by_program, by_python

MODEL = """\
models:
- name: m
  version: 1.0.0
  inferer_type: {inferer_type}
  inferer_name: i
  inferer_path: m.onnx
  converter_type: {converter_type}
  isolation: {isolation}
  batching: {{{batching}}}
{extra}"""


def text_with(
    batching: str,
    inferer_type: str = "customized",
    converter_type: str = "numpy",
    isolation: str = "thread",
    extra: str = "",
) -> str:
    return MODEL.format(
        batching=batching,
        inferer_type=inferer_type,
        converter_type=converter_type,
        isolation=isolation,
        extra=extra,
    )


def refused(text: str, folder: Path) -> str:
    """Return why both readers refuse a file."""
    path = folder / "inference.yml"
    path.write_text(text)
    (native,) = by_program("inference", [path])
    assert native == by_python("inference", path)
    assert "invalid" in native
    return str(native["invalid"])


ONLY_STEP_MODELS = (
    "models[0].batching.type: 'continuous' is for step models: use inferer_type 'customized' and "
    "converter_type 'numpy', or inferer_type 'plugin'"
)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (text_with("type: continuous", inferer_type="onnxruntime"), ONLY_STEP_MODELS),
        (text_with("type: continuous", converter_type="none"), ONLY_STEP_MODELS),
        (text_with("type: continuous", converter_type="torch"), ONLY_STEP_MODELS),
        (
            text_with("type: none", "openvino_genai"),
            "models[0].batching.type: inferer_type 'openvino_genai' makes its text in steps",
        ),
        (
            text_with("type: continuous", "openvino_genai", "none"),
            "models[0].converter_type: inferer_type 'openvino_genai' takes tokens: use 'numpy'",
        ),
        (
            text_with("type: continuous, steps: {max_steps: 3}", "openvino_genai"),
            "models[0].batching.steps: inferer_type 'openvino_genai' plans its steps itself",
        ),
        (
            text_with("type: continuous", inferer_type="plugin"),
            "models[0].converter_type: inferer_type 'plugin' takes tensors as they come",
        ),
        (
            text_with("type: continuous", extra="  max_threads: 2\n"),
            "models[0].max_threads: has no effect with batching.type 'continuous'; leave it out",
        ),
        (
            text_with("type: continuous", extra="  warm_up_requests: [a.json]\n"),
            "models[0].warm_up_requests: has no effect with batching.type 'continuous'",
        ),
        (
            text_with("type: dynamic, steps: {}"),
            "models[0].batching.steps: has no effect without 'type: continuous'",
        ),
        (
            text_with("type: continuous, allowed_sizes: [16]"),
            "models[0].batching.allowed_sizes: has no effect without 'type: dynamic'",
        ),
        (
            text_with("type: continuous, max_batch_size: 8, steps: {max_step_cost: 8}"),
            "models[0].batching.steps.max_step_cost: 8 is too small for max_batch_size 8; give at "
            "least 9",
        ),
        (
            text_with("type: continuous, steps: {max_chunk: 0}"),
            "models[0].batching.steps.max_chunk: expected a whole number, 1 or more; got '0'",
        ),
        (
            text_with("type: continuous, steps: {preemption: swap}"),
            "models[0].batching.steps.preemption: expected one of never, recompute, save",
        ),
        (
            text_with("type: continuous, steps: {text: {token_output: token}}"),
            "models[0].batching.steps.text: required key 'tokenizer' is missing or empty",
        ),
        (
            text_with("type: continuous, steps: {text: {tokenizer: t.json, stop: x}}"),
            "models[0].batching.steps.text.stop: expected a list",
        ),
        (
            text_with("type: continuous, steps: {max_step: 3}"),
            "unknown key 'max_step' in",
        ),
    ],
)
def test_refused(text: str, cause: str, tmp_path: Path) -> None:
    assert cause in refused(text, tmp_path)


def test_an_engine_of_language_models_runs_in_processes(tmp_path: Path) -> None:
    path = tmp_path / "inference.yml"
    path.write_text(text_with("type: continuous", "openvino_genai", isolation="process"))
    (native,) = by_program("inference", [path])
    assert native == by_python("inference", path)
    assert "invalid" not in native


def test_it_runs_in_a_server_only() -> None:
    (model,) = parse_inference(text_with("type: continuous"), "inference.yml").models
    with pytest.raises(ModelError, match=r"batching\.type 'continuous' runs in a server only"):
        copy_loaders(model, lambda phase, detail: None)


@pytest.mark.parametrize("isolation", ["thread", "process"])
def test_values_and_defaults(tmp_path: Path, isolation: str) -> None:
    path = tmp_path / "inference.yml"
    keys = "type: continuous, max_batch_size: 8, steps: {max_step_cost: 9}"
    path.write_text(text_with(keys, isolation=isolation))
    (native,) = by_program("inference", [path])
    assert native == by_python("inference", path)
    (model,) = parse_inference(path.read_text(), str(path)).models
    assert model.makes_steps
    assert model.isolation == isolation
    assert model.batching is not None
    assert model.batching.steps == StepsConfig(max_step_cost=9)
    path.write_text(text_with("type: continuous, steps: {text: {tokenizer: t.json}}"))
    (native,) = by_program("inference", [path])
    assert native == by_python("inference", path)
    (model,) = parse_inference(path.read_text(), str(path)).models
    assert model.batching is not None
    assert model.batching.steps is not None
    text = StepTextConfig(
        tokenizer="t.json", token_output="token", stop=(), skip_special_tokens=True
    )
    assert model.batching.steps.text == text


def test_the_keys_of_text_are_shown() -> None:
    text = text_with("type: continuous, steps: {text: {tokenizer: t.json, token_output: ids}}")
    assert hide_secrets(text) == text
