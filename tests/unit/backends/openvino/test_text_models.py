"""Networks of text models: out of weights, and exported ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

from grps.backends.loading import load_copy
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from tests.text_models import BERT, TinyModel, save_tiny

TOKENS = np.array([[1, 4, 5, 2], [1, 6, 2, 0]])
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0]])


def infer(folder: Path, tokens: np.ndarray, mask: np.ndarray, **arguments: Any) -> np.ndarray:
    config = ModelConfig(
        name="m",
        version="1",
        inferer_type="openvino",
        inferer_path=str(folder),
        inferer_args=arguments,
    )
    [backend] = load_copy(config)
    inputs = [tokens, mask, np.zeros_like(tokens)][: len(backend.signature.inputs)]
    [(_, found)] = backend.infer(inputs)
    return found


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_padding_does_not_change_an_embedding(tmp_path: Path, kind: str) -> None:
    save_tiny(tmp_path, TinyModel(kind=kind))
    for pooling in ("cls", "max", "mean", "mean_sqrt_len_tokens", "lasttoken"):
        both = infer(tmp_path, TOKENS, MASK, pooling=pooling, normalize=True)
        alone = infer(tmp_path, TOKENS[1:, :3], MASK[1:, :3], pooling=pooling, normalize=True)
        np.testing.assert_allclose(both[1], alone[0], atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
        assert abs(both[0] - both[1]).max() > 1e-3


def test_an_exported_network_is_pooled_alike(tmp_path: Path) -> None:
    save_tiny(tmp_path, TinyModel())
    expected = infer(tmp_path, TOKENS, MASK)
    from grps.backends.openvino.backend import shared_core
    from grps.backends.openvino.text.encoder import Encoder, TextInputs
    from grps.backends.openvino.text.network import _parameter
    from grps.backends.openvino.text.weights import Weights

    inputs = [_parameter(name) for name in ("input_ids", "attention_mask", "token_type_ids")]
    weights = Weights(tmp_path / "model.safetensors")
    hidden = Encoder(BERT, weights).hidden(TextInputs(*inputs))
    network = openvino.Model([openvino.opset13.result(hidden)], inputs, "exported")
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "openvino").mkdir()
    path = tmp_path / "openvino" / "openvino_model.xml"
    openvino.save_model(network, path, compress_to_fp16=False)
    assert shared_core().read_model(path)
    np.testing.assert_allclose(infer(tmp_path, TOKENS, MASK), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"model_type": "llama"}, "the model_type 'llama' can't be made of its weights"),
        ({"hidden_act": "swish"}, "hidden_act 'swish' is not supported"),
        ({"hidden_size": 12}, r"is \[11, 8\], not \[11, 12\]"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is missing or is no size"),
        ({"num_attention_heads": 3}, "no multiple of num_attention_heads"),
        ({"num_hidden_layers": 3}, "the weight encoder.layer.2.attention.self.query.weight is m"),
    ],
)
def test_a_wrong_configuration_is_refused(
    tmp_path: Path, changes: dict[str, Any], cause: str
) -> None:
    save_tiny(tmp_path, TinyModel())
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | changes))
    with pytest.raises(ModelError, match=cause):
        infer(tmp_path, TOKENS, MASK)


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    save_tiny(tmp_path, TinyModel())
    path = tmp_path / "model.safetensors"
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], (1 << 60).to_bytes(8, "little") + whole[8:]):
        path.write_bytes(damaged)
        with pytest.raises(ModelError, match="damaged or cut short"):
            infer(tmp_path, TOKENS, MASK)
    path.write_bytes(whole[:-4])
    with pytest.raises(ModelError, match="the weight"):
        infer(tmp_path, TOKENS, MASK)
    path.unlink()
    with pytest.raises(ModelError, match="no network; one of"):
        infer(tmp_path, TOKENS, MASK)


def test_arguments_of_text_models_are_for_them_alone(relu: Path) -> None:
    config = ModelConfig(
        name="m",
        version="1",
        inferer_type="openvino",
        inferer_path=str(relu),
        inferer_args={"pooling": "cls"},
    )
    with pytest.raises(ModelError, match="pooling is for a directory of sentence-transformers"):
        load_copy(config)
