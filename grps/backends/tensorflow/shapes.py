"""The tensors of the nodes of a SavedModel, as its file says them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from grps.backends.operators import TensorForm
from grps.backends.tensorflow.runtime import tf

_SHAPES = "_output_shapes"
_TYPES = ("DstT", "out_type", "output_type", "dtype", "T")
"""Attributes that say the type of a node's outputs, the one that counts first."""
_FUSABLE = frozenset(
    ("BiasAdd", "Add", "AddV2", "Relu", "Relu6", "Elu", "LeakyRelu", "Tanh", "Sigmoid",
     "FusedBatchNormV3")
)  # fmt: skip
"""What is fused with the convolution or the product before it, under its own name."""
_MOST_FUSED = 4


@dataclass(frozen=True, slots=True)
class NodeForms:
    """The inputs and outputs of a node as far as they are known, a ``None`` for each that is not.

    Attributes:
        kind: The kind of the node whose inputs they are: of a fused one, the first of its nodes.
    """

    kind: str
    inputs: tuple[TensorForm | None, ...]
    outputs: tuple[TensorForm | None, ...]


class Nodes:
    """The nodes of a graph and its functions by name."""

    def __init__(self, graph: Any, rows: int) -> None:
        """Read a ``GraphDef``; ``rows`` stands for a first size that is open."""
        self._rows = rows
        self._nodes: dict[str, Any] = {}
        for group in (graph.node, *(one.node_def for one in graph.library.function)):
            for node in group:
                self._nodes.setdefault(node.name, node)

    def forms(self, name: str, *, is_fused: bool) -> NodeForms | None:
        """Return the tensors of an operator of a trace; ``None`` if there is no such node.

        Args:
            name: Its name, before which those of the functions around it stand.
            is_fused: Whether several nodes run as one, which has the name of the last.
        """
        node = self._find(name)
        if node is None:
            return None
        outputs = tuple(self._outputs(node))
        inputs: list[TensorForm | None] = []
        for _ in range(_MOST_FUSED if is_fused else 0):
            before = self._nodes.get(_name_of(node.input[0])) if node.input else None
            if node.op not in _FUSABLE or before is None:
                break
            inputs = [*self._inputs(node.input[1:]), *inputs]
            node = before
        return NodeForms(str(node.op), (*self._inputs(node.input), *inputs), outputs)

    def _find(self, name: str) -> Any:
        while name:
            if name in self._nodes:
                return self._nodes[name]
            name = name.partition("/")[2]
        return None

    def _inputs(self, names: Iterable[str]) -> Iterator[TensorForm | None]:
        for name in names:
            node = self._nodes.get(_name_of(name))
            if name.startswith("^") or node is None:
                continue
            outputs = list(self._outputs(node))
            last = name.rpartition(":")[2]
            at = int(last) if last.isdecimal() else 0
            yield outputs[at] if at < len(outputs) else None

    def _outputs(self, node: Any) -> Iterator[TensorForm | None]:
        if _SHAPES not in node.attr:
            return
        dtype = next((node.attr[key].type for key in _TYPES if key in node.attr), 0)
        name = tf.as_dtype(dtype).name if dtype else "unknown"
        for shape in node.attr[_SHAPES].list.shape:
            sizes = [dim.size for dim in shape.dim]
            if sizes and sizes[0] < 0:
                sizes[0] = self._rows
            known = not shape.unknown_rank and all(size >= 0 for size in sizes)
            yield TensorForm(name, tuple(sizes)) if known else None


def _name_of(tensor: str) -> str:
    return tensor.partition(":")[0]
