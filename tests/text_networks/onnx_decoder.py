"""Tiny decoders as ONNX graphs, with the inputs and outputs that exporters give them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from grps.backends.decoder.pytorch.architecture import Architecture, read_architecture
from tests.text_networks.tiny_decoder import tensors_of, write_model

_MICROSOFT = "com.microsoft"


class Writer:
    """Collects the nodes of a graph; each method returns the name of what a node makes."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, array: Any) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def integers(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def node(self, kind: str, *inputs: str, **attributes: Any) -> str:
        return self.nodes_of(kind, inputs, 1, **attributes)[0]

    def nodes_of(
        self, kind: str, inputs: Sequence[str], count: int, **attributes: Any
    ) -> list[str]:
        names = [f"{kind}_{len(self.nodes)}_{at}" for at in range(count)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def rename(self, name: str, output: str) -> None:
        self.nodes.append(helper.make_node("Identity", [name], [output]))


class DecoderGraph:
    """Makes the graph of a decoder of Llama's family out of its weights."""

    def __init__(
        self,
        sizes: Architecture,
        weights: dict[str, np.ndarray],
        *,
        grouped: bool = False,
        last_only: bool = False,
    ) -> None:
        self.sizes, self.weights = sizes, weights
        self.grouped = grouped
        """Attention is ONNX Runtime's own operator, as some exporters write it."""
        self.last_only = last_only
        """Whether an input limits the logits to the last positions."""
        self.to = Writer()
        frequencies = np.array(sizes.rotation.frequencies(sizes.head_size))
        angles = np.arange(sizes.context_length)[:, None] * frequencies
        self.cosines = self.to.constant(np.cos(angles).astype("f4"))
        self.sines = self.to.constant(np.sin(angles).astype("f4"))

    def model(self) -> onnx.ModelProto:
        to, sizes = self.to, self.sizes
        embedding = to.constant(self.weights["model.embed_tokens.weight"])
        rows = to.node("Gather", embedding, "input_ids")
        shared = self._grouped_inputs() if self.grouped else self._plain_inputs()
        for index in range(sizes.layers):
            rows = self._layer(index, rows, shared)
        if self.last_only:
            first = to.node("Neg", "num_logits_to_keep")
            first = to.node("Reshape", first, to.integers(1))
            rows = to.node("Slice", rows, first, to.integers(2**62), to.integers(1))
        rows = self._norm(rows, "model.norm")
        head = "model.embed_tokens" if sizes.tied else "lm_head"
        to.rename(self._linear(rows, head), "logits")
        return self._finished()

    def _finished(self) -> onnx.ModelProto:
        sizes = self.sizes
        whole, number = TensorProto.INT64, TensorProto.FLOAT
        inputs: list[tuple[str, int, list[Any]]] = [
            ("input_ids", whole, ["b", "s"]),
            ("attention_mask", whole, ["b", "t"]),
        ]
        if not self.grouped:
            inputs.append(("position_ids", whole, ["b", "s"]))
        if self.last_only:
            inputs.append(("num_logits_to_keep", whole, []))
        outputs: list[tuple[str, int, list[Any]]] = [
            ("logits", number, ["b", "s", sizes.vocabulary])
        ]
        for index in range(sizes.layers):
            for kind in ("key", "value"):
                past: list[Any] = ["b", sizes.kv_heads, "p", sizes.head_size]
                inputs.append((f"past_key_values.{index}.{kind}", number, past))
                outputs.append((f"present.{index}.{kind}", number, [*past[:2], "t", past[3]]))
        graph = helper.make_graph(
            self.to.nodes,
            "decoder",
            [helper.make_tensor_value_info(*one) for one in inputs],
            [helper.make_tensor_value_info(*one) for one in outputs],
            self.to.constants,
        )
        imports = [helper.make_opsetid("", 17), helper.make_opsetid(_MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)

    def _layer(self, index: int, rows: str, shared: Sequence[str]) -> str:
        to, at = self.to, f"model.layers.{index}"
        normed = self._norm(rows, f"{at}.input_layernorm")
        queries, keys, values = (
            self._linear(normed, f"{at}.self_attn.{one}_proj") for one in "qkv"
        )
        attend = self._attend_grouped if self.grouped else self._attend
        seen = attend(index, [queries, keys, values], shared)
        rows = to.node("Add", rows, self._linear(seen, f"{at}.self_attn.o_proj"))
        normed = self._norm(rows, f"{at}.post_attention_layernorm")
        gate = self._linear(normed, f"{at}.mlp.gate_proj")
        gate = to.node("Mul", gate, to.node("Sigmoid", gate))
        inner = to.node("Mul", gate, self._linear(normed, f"{at}.mlp.up_proj"))
        return to.node("Add", rows, self._linear(inner, f"{at}.mlp.down_proj"))

    def _plain_inputs(self) -> list[str]:
        """Cosines and sines of the positions, and what is added to the scores."""
        to, one = self.to, self.to.integers(1)
        turns = [
            to.node("Unsqueeze", to.node("Gather", table, "position_ids"), one)
            for table in (self.cosines, self.sines)
        ]
        zero, step = to.constant(np.int64(0)), to.constant(np.int64(1))
        total, new = (
            to.node("Squeeze", to.node("Shape", name, start=1, end=2))
            for name in ("attention_mask", "input_ids")
        )
        columns = to.node("Range", zero, total, step)
        lines = to.node("Range", to.node("Sub", total, new), total, step)
        seen = to.node("LessOrEqual", columns, to.node("Unsqueeze", lines, one))
        given = to.node("Cast", "attention_mask", to=TensorProto.BOOL)
        seen = to.node("And", seen, to.node("Unsqueeze", given, to.integers(1, 2)))
        zero, hidden = (to.constant(np.float32(one)) for one in (0, np.finfo("f4").min))
        return [*turns, to.node("Where", seen, zero, hidden)]

    def _attend(self, index: int, made: Sequence[str], shared: Sequence[str]) -> str:
        to, sizes, group = self.to, self.sizes, self.sizes.heads // self.sizes.kv_heads
        cosines, sines, hidden = shared
        counts = (sizes.heads, sizes.kv_heads, sizes.kv_heads)
        queries, keys, values = (
            to.node(
                "Transpose",
                to.node("Reshape", one, to.integers(0, 0, count, sizes.head_size)),
                perm=[0, 2, 1, 3],
            )
            for one, count in zip(made, counts, strict=True)
        )
        queries, keys = self._turned(queries, cosines, sines), self._turned(keys, cosines, sines)
        whole = []
        for kind, own in (("key", keys), ("value", values)):
            past = f"past_key_values.{index}.{kind}"
            joined = to.node("Concat", past, own, axis=2)
            to.rename(joined, f"present.{index}.{kind}")
            spread = to.node("Unsqueeze", joined, to.integers(2))
            spread = to.node("Expand", spread, to.integers(1, 1, group, 1, 1))
            whole.append(
                to.node("Reshape", spread, to.integers(0, sizes.heads, -1, sizes.head_size))
            )
        scores = to.node("MatMul", queries, to.node("Transpose", whole[0], perm=[0, 1, 3, 2]))
        scores = to.node("Mul", scores, to.constant(np.float32(sizes.head_size**-0.5)))
        shares = to.node("Softmax", to.node("Add", scores, hidden), axis=-1)
        seen = to.node("Transpose", to.node("MatMul", shares, whole[1]), perm=[0, 2, 1, 3])
        return to.node("Reshape", seen, to.integers(0, 0, sizes.heads * sizes.head_size))

    def _turned(self, heads: str, cosines: str, sines: str) -> str:
        to = self.to
        first, second = to.nodes_of("Split", [heads], 2, axis=-1)
        low = to.node("Sub", to.node("Mul", first, cosines), to.node("Mul", second, sines))
        high = to.node("Add", to.node("Mul", second, cosines), to.node("Mul", first, sines))
        return to.node("Concat", low, high, axis=-1)

    def _grouped_inputs(self) -> list[str]:
        """The number of positions of each sequence but one, and the length of all rows."""
        to = self.to
        count = to.node("ReduceSum", "attention_mask", to.integers(1), keepdims=0)
        last = to.node("Sub", count, to.integers(1))
        total = to.node("Squeeze", to.node("Shape", "attention_mask", start=1, end=2))
        return [to.node("Cast", one, to=TensorProto.INT32) for one in (last, total)]

    def _attend_grouped(self, index: int, made: Sequence[str], shared: Sequence[str]) -> str:
        to, sizes = self.to, self.sizes
        past = [f"past_key_values.{index}.{kind}" for kind in ("key", "value")]
        seen, keys, values = to.nodes_of(
            "GroupQueryAttention",
            [*made, *past, *shared, self.cosines, self.sines],
            3,
            domain=_MICROSOFT,
            num_heads=sizes.heads,
            kv_num_heads=sizes.kv_heads,
            do_rotary=1,
        )
        to.rename(keys, f"present.{index}.key")
        to.rename(values, f"present.{index}.value")
        return seen

    def _linear(self, rows: str, name: str) -> str:
        to = self.to
        made = to.node("MatMul", rows, to.constant(self.weights[f"{name}.weight"].T.copy()))
        bias = self.weights.get(f"{name}.bias")
        return made if bias is None else to.node("Add", made, to.constant(bias))

    def _norm(self, rows: str, name: str) -> str:
        to = self.to
        squares = to.node("ReduceMean", to.node("Mul", rows, rows), axes=[-1])
        power = to.node("Add", squares, to.constant(np.float32(self.sizes.epsilon)))
        scaled = to.node("Div", rows, to.node("Sqrt", power))
        return to.node("Mul", scaled, to.constant(self.weights[f"{name}.weight"]))


def write_onnx_model(
    folder: Path,
    kind: str = "llama",
    *,
    file: str = "model.onnx",
    external: str | None = None,
    graph: dict[str, Any] | None = None,
) -> Path:
    """Write a whole model into a folder, as ``write_model`` does, with a graph for its weights.

    Args:
        folder: It must not have the files yet.
        kind: One of ``tiny_decoder.KINDS`` without norms of heads.
        file: Where the graph is.
        external: The file beside it for its weights; in itself when ``None``.
        graph: What ``DecoderGraph`` is made with.
    """
    write_model(folder, kind)
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_text())
    sizes = read_architecture(folder)
    model = DecoderGraph(sizes, tensors_of(config), **(graph or {})).model()
    path = folder / file
    path.parent.mkdir(exist_ok=True)
    if external is None:
        onnx.save_model(model, str(path))
    else:
        onnx.save_model(
            model, str(path), save_as_external_data=True, location=external, size_threshold=512
        )
    return folder


def copy_of(folder: Path, target: Path) -> Path:
    """Copy a model, so that a test may change it."""
    return shutil.copytree(folder, target)
