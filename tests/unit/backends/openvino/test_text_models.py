"""Networks of text models: out of weights, and exported ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest

from grps.backends.loading import load_copy
from grps.backends.openvino.text.encoder import Encoder, TextInputs
from grps.backends.openvino.text.network import parameter
from grps.backends.openvino.text.weights import Weights
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from tests.text_networks.bert import Bert, read_weights
from tests.text_networks.tiny import BERT, RANKS, TinyModel, save_tiny, save_weights

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


@pytest.mark.parametrize(("kind", "first"), [("bert", 0), ("roberta", 1)])
def test_numbers_are_those_of_the_network(tmp_path: Path, kind: str, first: int) -> None:
    save_tiny(tmp_path, TinyModel(kind=kind))
    bert = Bert(read_weights(tmp_path / "model.safetensors"), 2, 2, first)
    texts = [TOKENS[0].tolist(), TOKENS[1, :3].tolist()]
    expected = [bert.embedding(text).numpy() for text in texts]
    np.testing.assert_allclose(infer(tmp_path, TOKENS, MASK, normalize=True), expected, atol=1e-5)
    save_tiny(tmp_path, TinyModel(kind=kind, ranks=True))
    bert = Bert(read_weights(tmp_path / "model.safetensors"), 2, 2, first)
    scores = [bert.score(text, [0] * len(text)) for text in texts]
    np.testing.assert_allclose(infer(tmp_path, TOKENS, MASK), scores, atol=1e-5)


def test_weights_of_all_types_are_read(tmp_path: Path) -> None:
    values = np.array([[1.5, -2], [0, 0.25]], np.float32)
    path = tmp_path / "model.safetensors"
    brain = (values.view(np.uint32) >> 16).astype(np.uint16)
    whole: dict[str, np.ndarray] = {
        "bert.single": values,
        "half": values.astype(np.float16),
        "brain": brain,
        "positions": np.zeros((2, 2), np.int64),
    }
    save_weights(path, whole)
    weights = Weights(tmp_path, "bert.")
    for name in ("single", "half", "brain"):
        found = weights.get(name, 2, 2)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, values)
    with pytest.raises(ModelError, match="the weight positions has type I64; F32, F16"):
        weights.get("positions", 2, 2)
    with pytest.raises(ModelError, match=r"the weight half is \[2, 2\], not \[4\]"):
        weights.get("half", 4)


def test_an_exported_network_is_pooled_alike(tmp_path: Path) -> None:
    save_tiny(tmp_path, TinyModel())
    expected = infer(tmp_path, TOKENS, MASK)
    inputs = TextInputs(*map(parameter, ("input_ids", "attention_mask", "token_type_ids")))
    path = tmp_path / "model.safetensors"
    hidden = Encoder(BERT, Weights(tmp_path)).hidden(inputs)
    path.unlink()
    parameters = [inputs.tokens, inputs.mask, inputs.types]
    network = openvino.Model([openvino.opset13.result(hidden)], parameters, "exported")
    (tmp_path / "openvino").mkdir()
    path = tmp_path / "openvino" / "openvino_model.xml"
    openvino.save_model(network, path, compress_to_fp16=False)
    np.testing.assert_allclose(infer(tmp_path, TOKENS, MASK), expected, atol=1e-6)
    (tmp_path / "config.json").write_text(json.dumps(BERT | RANKS))
    with pytest.raises(ModelError, match="no output has 2 dimensions"):
        infer(tmp_path, TOKENS, MASK)


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
        with pytest.raises(ModelError, match=r"cut short|not JSON"):
            infer(tmp_path, TOKENS, MASK)
    path.write_bytes(whole[:-4])
    with pytest.raises(ModelError, match="its bytes are outside of the file"):
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
