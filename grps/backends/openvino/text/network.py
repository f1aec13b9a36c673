"""The network of a text model: tokens in, embeddings or scores out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import openvino
from openvino import Node, Output
from openvino import opset13 as ops

from grps.backends.common.language.text_files import Pooling, TextFiles
from grps.backends.openvino.text.encoder import Encoder, TextInputs
from grps.backends.openvino.text.weights import Weights
from grps.errors import ModelError

EMBEDDING, SCORE = "embedding", "score"
"""Names of the output."""
TOKENS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"
"""Names of the inputs, as exporters have them."""
_FILES = (
    "openvino_model.xml",
    "openvino/openvino_model.xml",
    "model.onnx",
    "onnx/model.onnx",
)
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
_HIDDEN_RANK, _SCORE_RANK = 3, 2


def read_network(core: openvino.Core, files: TextFiles) -> openvino.Model:
    """Return the network with what makes one vector or number of those of the tokens.

    Raises:
        ModelError: There is no network, or it is none of a text model.
    """
    for name in _FILES:
        if (files.folder / name).is_file():
            return _exported(core, files.folder / name, files)
    if not any((files.folder / name).is_file() for name in _WEIGHTS):
        raise ModelError(
            f"{files.folder}: no network; one of {', '.join((*_FILES, *_WEIGHTS))} is needed"
        )
    weights = Weights(files.folder, _prefix(files))
    encoder = Encoder(files.config, weights)
    inputs = TextInputs(*(parameter(name) for name in (TOKENS, MASK, TYPES)))
    hidden = encoder.hidden(inputs)
    found = encoder.score(hidden) if files.ranks else hidden
    return _complete(found, [inputs.tokens, inputs.mask, inputs.types], inputs.mask, files)


def _prefix(files: TextFiles) -> str:
    return "roberta." if "roberta" in str(files.config.get("model_type")) else "bert."


def parameter(name: str) -> Node:
    """Return an input of a network: int64, ``[texts, tokens]``."""
    made = ops.parameter([-1, -1], np.int64, name)
    made.output(0).set_names({name})
    return made


def _exported(core: openvino.Core, path: Path, files: TextFiles) -> openvino.Model:
    """Read a network that was exported, and add what is missing."""
    model = core.read_model(path)
    parameters = model.get_parameters()
    by_name = {port.any_name: one for port, one in zip(model.inputs, parameters, strict=True)}
    unknown = set(by_name) - {TOKENS, MASK, TYPES}
    if unknown or not {TOKENS, MASK} <= set(by_name):
        raise ModelError(
            f"{path}: the inputs are {', '.join(by_name)}; needed are {TOKENS}, "
            f"{MASK} and perhaps {TYPES}"
        )
    rank = _SCORE_RANK if files.ranks else _HIDDEN_RANK
    found = next((one for one in model.outputs if len(one.partial_shape) == rank), None)
    if found is None:
        raise ModelError(f"{path}: no output has {rank} dimensions")
    source = found.get_node().input_value(0)
    return _complete(source, list(parameters), by_name[MASK], files)


def _complete(
    found: Output, parameters: list[Node], mask: Node, files: TextFiles
) -> openvino.Model:
    if files.ranks:
        score = ops.squeeze(found, np.array([1]))
        made, name = ops.sigmoid(score) if files.sigmoid else score, SCORE
    else:
        made, name = _pooled(found, ops.convert(mask, "f32"), files.pooling), EMBEDDING
        if files.normalizes:
            made = ops.normalize_l2(made, np.array([1]), 1e-24, "max")
    made.output(0).set_names({name})
    return openvino.Model([ops.result(made)], parameters, name)


def _pooled(hidden: Output, mask: Node, pooling: Pooling) -> Node:
    """Return one vector of those of the tokens, ``[texts, width]``."""
    if pooling == "cls":
        return ops.gather(hidden, np.int64(0), np.int64(1))
    one, each = np.array([1]), ops.unsqueeze(mask, np.array([2]))
    if pooling == "max":
        hidden_away = ops.multiply(ops.subtract(np.float32(1), each), np.float32(-1e9))
        return ops.reduce_max(ops.add(ops.multiply(hidden, each), hidden_away), one)
    if pooling == "lasttoken":
        last = ops.subtract(ops.convert(ops.reduce_sum(mask, one), "i64"), np.int64(1))
        return ops.gather(hidden, last, np.int64(1), 1)
    total = ops.reduce_sum(ops.multiply(hidden, each), one)
    count = ops.maximum(ops.reduce_sum(mask, one, True), np.float32(1e-9))
    return ops.divide(total, count if pooling == "mean" else ops.sqrt(count))
