"""Directories of engines of TensorRT-LLM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from grps.backends.formats import owner_of, recognise
from grps.backends.tensorrt_llm.engine_files import BuiltEngine, built_engine
from grps.errors import ModelError

MODEL = {"architecture": "LlamaForCausalLM", "vocab_size": 100, "mapping": {"world_size": 1}}
BUILD = {"max_seq_len": 64, "max_input_len": 48, "max_batch_size": 8}


def write(folder: Path, model: Any = None, build: Any = None) -> Path:
    config = {
        "version": "1.2.0",
        "pretrained_config": {**MODEL, **(model or {})},
        "build_config": {**BUILD, **(build or {})},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "rank0.engine").write_bytes(b"ftrt")
    return folder


def test_an_engine_is_recognised(tmp_path: Path) -> None:
    assert owner_of(recognise(write(tmp_path))).name == "tensorrt_llm"
    with pytest.raises(ModelError, match="give its directory"):
        recognise(tmp_path / "rank0.engine")


def test_what_an_engine_was_built_for(tmp_path: Path) -> None:
    assert built_engine(write(tmp_path)) == BuiltEngine(
        vocabulary=100, context_length=64, most_prompt_tokens=48, most_sequences=8
    )
    assert built_engine(write(tmp_path, build={"max_input_len": 99})).most_prompt_tokens == 64


@pytest.mark.parametrize(
    ("model", "build", "words"),
    [
        ({"mapping": {"world_size": 2}}, None, "built for 2 GPUs"),
        ({"vocab_size": 0}, None, "vocab_size is 0"),
        (None, {"max_seq_len": None}, "max_seq_len is None"),
        (None, {"max_batch_size": True}, "max_batch_size is True"),
    ],
)
def test_wrong_engines_are_refused(tmp_path: Path, model: Any, build: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        built_engine(write(tmp_path, model, build))


@pytest.mark.parametrize("text", ["{}", '{"pretrained_config": []}'])
def test_another_configuration_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ModelError, match="build one by trtllm-build"):
        built_engine(tmp_path)
