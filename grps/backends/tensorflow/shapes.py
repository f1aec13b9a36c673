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


@dataclass(frozen=True, slots=True)
class _Node:
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[TensorForm | None, ...]


_Scope = dict[str, _Node]
"""The nodes of one function, its arguments among them, or of the graph around all."""


class Nodes:
    """The nodes of a graph and its functions by name."""

    def __init__(self, graph: Any, rows: int) -> None:
        """Read a ``GraphDef``; ``rows`` stands for a first size that is open."""
        self._rows = rows
        functions = graph.library.function
        self._scopes = [self._scope(graph.node), *map(self._of_function, functions)]

    def forms(self, name: str, *, is_fused: bool) -> NodeForms | None:
        """Return the tensors of an operator of a trace; ``None`` if there is no such node.

        Args:
            name: Its name, before which those of the functions around it stand.
            is_fused: Whether several nodes run as one, which has the name of the last.
        """
        scope = self._find(name)
        while scope is None and "/" in name:
            name = name.partition("/")[2]
            scope = self._find(name)
        if scope is None:
            return None
        node = last = scope[name]
        inputs: list[TensorForm | None] = []
        for _ in range(_MOST_FUSED if is_fused else 0):
            before = scope.get(_name_of(node.inputs[0])) if node.inputs else None
            if node.kind not in _FUSABLE or before is None:
                break
            inputs = [*_inputs(scope, node.inputs[1:]), *inputs]
            node = before
        return NodeForms(node.kind, (*_inputs(scope, node.inputs), *inputs), last.outputs)

    def _find(self, name: str) -> _Scope | None:
        return next((scope for scope in self._scopes if name in scope), None)

    def _of_function(self, function: Any) -> _Scope:
        scope = self._scope(function.node_def)
        for number, argument in enumerate(function.signature.input_arg):
            attributes = function.arg_attr[number].attr if number in function.arg_attr else {}
            outputs = tuple(self._forms(attributes, argument.type))
            scope.setdefault(argument.name, _Node("_Arg", (), outputs))
        return scope

    def _scope(self, nodes: Iterable[Any]) -> _Scope:
        return {node.name: self._node(node) for node in nodes}

    def _node(self, node: Any) -> _Node:
        dtype = next((node.attr[key].type for key in _TYPES if key in node.attr), 0)
        inputs = (name for name in node.input if not name.startswith("^"))
        return _Node(str(node.op), tuple(inputs), tuple(self._forms(node.attr, dtype)))

    def _forms(self, attributes: Any, dtype: int) -> Iterator[TensorForm | None]:
        if _SHAPES not in attributes:
            return
        name = tf.as_dtype(dtype).name if dtype else "unknown"
        for shape in attributes[_SHAPES].list.shape:
            sizes = [dim.size for dim in shape.dim]
            if sizes and sizes[0] < 0:
                sizes[0] = self._rows
            known = not shape.unknown_rank and all(size >= 0 for size in sizes)
            yield TensorForm(name, tuple(sizes)) if known else None


def _inputs(scope: _Scope, names: Iterable[str]) -> Iterator[TensorForm | None]:
    for name in names:
        node = scope.get(_name_of(name))
        last = name.rpartition(":")[2]
        at = int(last) if last.isdecimal() else 0
        yield node.outputs[at] if node is not None and at < len(node.outputs) else None


def _name_of(tensor: str) -> str:
    return tensor.partition(":")[0]
