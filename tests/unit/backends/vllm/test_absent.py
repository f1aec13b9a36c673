"""Engines of language models that are not installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from grps.config.schema import ModelConfig
from grps.errors import MissingExtraError
from grps.server.loading.loaders import load_step_model


@pytest.mark.parametrize(("engine", "extra"), [("vllm", "vllm"), ("tensorrt_llm", "tensorrt-llm")])
def test_an_absent_engine_names_its_extra(engine: str, extra: str) -> None:
    if find_spec(engine) is not None:
        pytest.skip(f"{engine} is installed")
    config = ModelConfig(name="m", version="1", inferer_type=engine, inferer_path="model")
    with pytest.raises(MissingExtraError, match=rf"{engine} is not .*'grpst\[{extra}\]'"):
        load_step_model(config)
