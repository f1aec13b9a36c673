"""Which converter a model gets, and what must be installed for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Any

import numpy as np
import pytest
from packaging.requirements import Requirement

from grps.backends.backend import Signature, TensorSpec
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.converters.choice import create_runner
from grps.converters.table import CONVERTERS
from grps.deploy.doctor import FEATURES
from grps.errors import InputError, MissingExtraError, ModelError
from tests.unit.converters.support import converter, signature

IMAGES = signature(TensorSpec("x", "float32", (None, 3, 8, 8)))


@pytest.mark.parametrize(
    ("kind", "module", "package", "extra"),
    [
        ("image", "PIL", "pillow", "image"),
        ("audio", "soundfile", "soundfile", "audio"),
        ("audio", "soxr", "soxr", "audio"),
        ("text", "tokenizers", "tokenizers", "text"),
    ],
)
def test_a_missing_package_gives_the_line_to_run(
    monkeypatch: pytest.MonkeyPatch, kind: str, module: str, package: str, extra: str
) -> None:
    monkeypatch.delitem(sys.modules, f"grps.converters.{kind}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as missing:
        converter(kind, IMAGES)
    assert str(missing.value) == f"{package} is not installed; run: pip install 'grpst[{extra}]'"


def test_unknown_arguments_name_all_that_there_are() -> None:
    with pytest.raises(ModelError) as refused:
        converter("labels", IMAGES, labls="x")
    text = str(refused.value)
    assert text.startswith("converter_args: unknown key 'labls'; did you mean labels?")
    assert "constants" in text
    with pytest.raises(ModelError, match="converter_args: top_k"):
        converter("image", IMAGES, top_k=0)


def needs() -> list[Requirement]:
    return [Requirement(line) for line in metadata.requires("grpst") or ()]


def test_the_package_alone_brings_no_framework() -> None:
    alone = {one.name for one in needs() if one.marker is None}
    others = {one.name for one in needs() if one.marker is not None} - {"grpst"}
    assert {"torch", "tensorflow", "onnxruntime", "openvino", "scikit-learn"} <= others
    assert not alone & others


def test_all_extras_that_messages_name_are_there() -> None:
    extras = set(metadata.metadata("grpst").get_all("Provides-Extra") or ())
    named = {engine.extra for engine in ENGINES.values()}
    named |= {extra for extra, _ in FEATURES.values()}
    assert named | {"all", "client", "ray", "sources"} == extras
    assert set(CONVERTERS) - {"labels"} <= extras


class Engine:
    """A model whose outputs are those that a test gives."""

    def __init__(self, found: Signature, output: np.ndarray | Exception) -> None:
        self.signature = found
        self.output = output
        self.seen: list[np.ndarray] = []

    def infer(self, inputs: Sequence[np.ndarray]) -> list[tuple[str, np.ndarray]]:
        self.seen += inputs
        if isinstance(self.output, Exception):
            raise self.output
        return [("scores", self.output)]


def config(kind: str, **keys: Any) -> ModelConfig:
    return ModelConfig(
        name="m",
        version="1",
        inferer_type="onnxruntime",
        inferer_path="m",
        converter_type=kind,
        **keys,
    )


@pytest.mark.parametrize(
    ("kind", "found", "arguments", "shape"),
    [
        ("image", IMAGES, {}, (1, 3, 8, 8)),
        (
            "image",
            signature(TensorSpec("x", "float32", (None, 3, None, None))),
            {},
            (1, 3, 224, 224),
        ),
        (
            "audio",
            signature(TensorSpec("x", "float32", (None, 512))),
            {"sample_rate": 16000},
            (1, 512),
        ),
        (
            "audio",
            signature(TensorSpec("x", "float32", (None, None))),
            {"sample_rate": 800},
            (1, 800),
        ),
    ],
)
def test_a_model_runs_once_on_what_its_converter_reads(
    kind: str, found: Signature, arguments: dict[str, Any], shape: tuple[int, ...]
) -> None:
    engine = Engine(found, np.zeros((1, 5), np.float32))
    create_runner(config(kind, converter_args=arguments), engine)
    assert [array.shape for array in engine.seen] == [shape]
    create_runner(config(kind, converter_args=arguments, warm_up=False), engine)
    assert len(engine.seen) == 1


def test_labels_that_do_not_fit_what_the_model_returns_are_refused_at_the_start() -> None:
    pixels = Engine(IMAGES, np.zeros((1, 21, 8, 8), np.float32))
    with pytest.raises(ModelError, match="not for the scores of each pixel"):
        create_runner(config("image", converter_args={"top_k": 1}), pixels)
    create_runner(config("image"), pixels)


def test_a_model_that_refuses_the_example_is_served_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    create_runner(config("image"), Engine(IMAGES, InputError("too small")))
    assert "m-1 refused an example of what its converter reads: too small" in caplog.text
