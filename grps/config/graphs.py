"""Graphs of models: what the nodes of ``inference.yml`` say, checked and in the order they run."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from grps.config.schema import DagConfig, NodeConfig
from grps.config.suggest import hint
from grps.errors import ConfigError

REQUEST = "request"
"""What a reference calls the request itself."""
OPTIONAL = "optional "
"""What stands before a reference that may be absent."""
CONDITION = re.compile(
    r"(?P<source>\S+?)\s*(?P<comparison>==|!=|<=|>=|<|>)\s*(?P<value>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\Z"
)

Fail = Callable[[str, str], ConfigError]
"""Makes the error for a key path and a message."""


@dataclass(frozen=True, slots=True)
class Source:
    """A tensor of the request or of a node's output."""

    node: int | None
    """The node's place in the graph; ``None`` for the request."""
    tensor: str


@dataclass(frozen=True, slots=True)
class Input:
    """One tensor of a node's input."""

    name: str
    """Its name in the model."""
    source: Source
    required: bool
    """Whether the node is left out when the tensor is absent."""


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when any element of a tensor compares so."""

    source: Source
    comparison: str
    value: float


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a graph; the data plane reads the attributes by name."""

    name: str
    model: str
    whole: int | None
    """Without ``inputs``: the node whose output it works on; ``None`` for the request."""
    inputs: tuple[Input, ...] | None
    when: Condition | None

    def sources(self) -> list[int | None]:
        """Return what it takes from, the request as ``None``."""
        taken = [self.whole] if self.inputs is None else [one.source.node for one in self.inputs]
        return taken if self.when is None else [*taken, self.when.source.node]


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph whose nodes come after those they take from."""

    name: str
    nodes: tuple[Node, ...]
    outputs: tuple[tuple[str, Source], ...]
    """Names in the response and what they stand for; empty for all outputs of the last nodes."""


def plan_graph(dag: DagConfig, at: str, fail: Fail) -> Graph:
    """Check a graph and put its nodes into the order they run in.

    Args:
        dag: The graph as it was configured.
        at: Its key path.
        fail: Makes errors.

    Raises:
        ConfigError: A reference leads nowhere, a key does not fit, or nodes wait for one another.
    """
    if dag.type == "sequential":
        return _chain(dag, at, fail)
    places = [f"{at}.nodes[{index}]" for index in range(len(dag.nodes))]
    names = _names(dag, places, fail)
    order = _sorted(dag, [_taken(node, names) for node in dag.nodes], f"{at}.nodes", fail)
    resolver = _Resolver({dag.nodes[index].name: place for place, index in enumerate(order)}, fail)
    nodes = tuple(resolver.node(dag.nodes[index], places[index]) for index in order)
    outputs = tuple(
        (name, resolver.source(reference, f"{at}.outputs.{name}"))
        for name, reference in (dag.outputs or {}).items()
    )
    return Graph(dag.name, nodes, outputs)


def _chain(dag: DagConfig, at: str, fail: Fail) -> Graph:
    for key in ("input", "inputs", "when"):
        for index, node in enumerate(dag.nodes):
            if getattr(node, key) is not None:
                raise fail(f"{at}.nodes[{index}].{key}", "needs 'type: graph'")
    if dag.outputs is not None:
        raise fail(f"{at}.outputs", "needs 'type: graph'")
    nodes = (
        Node(node.name, node.model, index - 1 if index else None, None, None)
        for index, node in enumerate(dag.nodes)
    )
    return Graph(dag.name, tuple(nodes), ())


def _names(dag: DagConfig, places: list[str], fail: Fail) -> dict[str, int]:
    names: dict[str, int] = {}
    for index, node in enumerate(dag.nodes):
        if node.name == REQUEST:
            raise fail(f"{places[index]}.name", f"{REQUEST!r} stands for the request")
        if node.name in names:
            raise fail(f"{places[index]}.name", f"node {node.name!r} is given twice")
        names[node.name] = index
    return names


def _split(reference: str, names: Iterable[str]) -> tuple[str, str] | None:
    """Split ``NODE.TENSOR``; names of nodes may hold dots, so the longest that fits is meant."""
    fitting = [name for name in (REQUEST, *names) if reference.startswith(f"{name}.")]
    node = max(fitting, key=len, default=None)
    return None if node is None else (node, reference[len(node) + 1 :])


def _taken(node: NodeConfig, names: dict[str, int]) -> list[int]:
    """Return which nodes a node waits for, as far as its references can be read."""
    references = [one.removeprefix(OPTIONAL) for one in (node.inputs or {}).values()]
    if node.when is not None and (found := CONDITION.match(node.when)):
        references.append(found["source"])
    parts = [_split(reference, names) for reference in references]
    givers = [node.input, *(part[0] for part in parts if part is not None)]
    return [names[giver] for giver in givers if giver in names]


def _sorted(dag: DagConfig, taken: list[list[int]], at: str, fail: Fail) -> list[int]:
    """Return the nodes in an order in which each comes after those it takes from."""
    order: list[int] = []
    waiting = list(range(len(dag.nodes)))
    while waiting:
        ready = (index for index in waiting if all(one in order for one in taken[index]))
        following = next(ready, None)
        if following is None:
            raise fail(at, f"nodes wait for one another: {_cycle(dag, taken, waiting)}")
        order.append(following)
        waiting.remove(following)
    return order


def _cycle(dag: DagConfig, taken: list[list[int]], waiting: list[int]) -> str:
    path = [waiting[0]]
    while path[-1] not in path[:-1]:
        path.append(next(one for one in taken[path[-1]] if one in waiting))
    circle = path[path.index(path[-1]) :]
    return " <- ".join(dag.nodes[index].name for index in circle)


class _Resolver:
    """Turns the references of one graph into places."""

    def __init__(self, places: dict[str, int], fail: Fail) -> None:
        """Remember where each node is."""
        self._places = places
        self._fail = fail

    def node(self, node: NodeConfig, at: str) -> Node:
        """Return a node with its references resolved."""
        if node.input is not None and node.inputs is not None:
            raise self._fail(f"{at}.input", "give either 'input' or 'inputs'")
        if node.inputs is not None and not node.inputs:
            raise self._fail(f"{at}.inputs", "at least one tensor is needed")
        inputs = None
        if node.inputs is not None:
            inputs = tuple(
                Input(
                    name,
                    self.source(reference.removeprefix(OPTIONAL), f"{at}.inputs.{name}"),
                    required=not reference.startswith(OPTIONAL),
                )
                for name, reference in node.inputs.items()
            )
        whole = None if node.input is None else self._place(node.input, f"{at}.input")
        when = None if node.when is None else self._condition(node.when, f"{at}.when")
        return Node(node.name, node.model, whole, inputs, when)

    def source(self, reference: str, at: str) -> Source:
        """Return what ``NODE.TENSOR`` means."""
        parts = _split(reference, self._places)
        if parts is not None and parts[1]:
            return Source(self._place(parts[0], at), parts[1])
        node = reference.split(".", maxsplit=1)[0]
        if "." in reference and node not in self._places and node != REQUEST:
            raise self._unknown(node, at)
        raise self._fail(at, f"expected NODE.TENSOR or {REQUEST}.TENSOR; got {reference!r}")

    def _condition(self, text: str, at: str) -> Condition:
        found = CONDITION.match(text)
        if found is None:
            raise self._fail(
                at,
                f"expected NODE.TENSOR, one of == != < <= > >= and a number, "
                f"such as 'detect.count > 0'; got {text!r}",
            )
        try:
            value = float(found["value"])
        except ValueError as error:
            raise self._fail(at, f"{found['value']!r} is not a number") from error
        return Condition(self.source(found["source"], at), found["comparison"], value)

    def _place(self, name: str, at: str) -> int | None:
        if name == REQUEST:
            return None
        if name not in self._places:
            raise self._unknown(name, at)
        return self._places[name]

    def _unknown(self, name: str, at: str) -> ConfigError:
        known = [*self._places, REQUEST]
        text = f"there is no node {name!r}{hint(name, known)}; there is: {', '.join(known)}"
        return self._fail(at, text)


def draw(graph: Graph) -> list[str]:
    """Draw a graph as lines of text: a stage holds the nodes that can run side by side."""
    stages: dict[int, list[str]] = {}
    depth: list[int] = []
    for node in graph.nodes:
        before = [depth[place] for place in node.sources() if place is not None]
        depth.append(max(before, default=0) + 1)
        stages.setdefault(depth[-1], []).append(_describe(graph, node))
    lines = [f"graph {graph.name}"]
    for stage, nodes in sorted(stages.items()):
        marks = ["─"] if len(nodes) == 1 else ["┬", *"├" * (len(nodes) - 2), "└"]
        for index, (mark, text) in enumerate(zip(marks, nodes, strict=True)):
            head = f"├─ {stage} ─" if index == 0 else f"│{' ' * (len(str(stage)) + 4)}"
            lines.append(f"{head}{mark} {text}")
    answers = [f"{name} ← {_name(graph, source)}" for name, source in graph.outputs]
    taken = {place for node in graph.nodes for place in node.sources()}
    last = [node.name for place, node in enumerate(graph.nodes) if place not in taken]
    return [*lines, f"└─ answer: {', '.join(answers or last)}"]


def _describe(graph: Graph, node: Node) -> str:
    if node.inputs is None:
        taken = REQUEST if node.whole is None else graph.nodes[node.whole].name
        text = f"{node.name} ({node.model}) ← {taken}"
    else:
        inputs = [
            f"{one.name} ← {'' if one.required else OPTIONAL}{_name(graph, one.source)}"
            for one in node.inputs
        ]
        text = f"{node.name} ({node.model}) {', '.join(inputs)}"
    if node.when is None:
        return text
    when = node.when
    return f"{text} [when {_name(graph, when.source)} {when.comparison} {when.value:g}]"


def _name(graph: Graph, source: Source) -> str:
    node = REQUEST if source.node is None else graph.nodes[source.node].name
    return f"{node}.{source.tensor}"
