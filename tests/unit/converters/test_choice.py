"""Which converter a model gets, and what must be installed for it."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from grps.backends.backend import TensorSpec
from grps.backends.table import ENGINES
from grps.converters.table import CONVERTERS
from grps.deploy.doctor import FEATURES
from grps.errors import MissingExtraError, ModelError
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
    assert named | {"all", "client"} == extras
    assert set(CONVERTERS) - {"labels"} <= extras
