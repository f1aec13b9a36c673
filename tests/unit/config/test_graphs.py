"""Graphs as inference.yml describes them."""

from __future__ import annotations

import pytest
import yaml

from grps.config.graphs import Condition, Graph, Input, Source, draw, plan_graph
from grps.config.schema import DagConfig, InferenceConfig
from grps.errors import ConfigError
from grps.server.configuration import parse_inference

MODELS = """\
models:
- &model {name: a, version: 1, inferer_type: torch, inferer_path: a.pt}
- {<<: *model, name: b}
- {<<: *model, name: c}
dag:
  type: graph
  name: look
"""
DIAMOND = """\
  nodes:
  - name: join
    model: c
    inputs: {l: optional left.y, r: right.y}
  - {name: left, model: b, input: start, when: start.count >= 2.5}
  - name: right
    model: b-1
    inputs: {x: start.boxes.0, image: request.image}
  - {name: start, model: a}
  outputs: {total: join.z, count: start.count}
"""


def read(text: str) -> InferenceConfig:
    return parse_inference(MODELS + text, "conf/inference.yml")


def plan(dag: DagConfig | None) -> Graph:
    assert dag is not None
    return plan_graph(dag, "dag", lambda at, text: ConfigError(f"{at}: {text}"))


def fails(text: str) -> str:
    with pytest.raises(ConfigError) as raised:
        read(text)
    return str(raised.value).removeprefix("conf/inference.yml:")


def test_nodes_come_after_those_they_take_from() -> None:
    graph = plan(read(DIAMOND).dag)
    assert [node.name for node in graph.nodes] == ["start", "left", "right", "join"]
    start, left, right, join = graph.nodes
    assert (start.whole, start.inputs, start.when) == (None, None, None)
    assert (left.whole, left.when) == (0, Condition(Source(0, "count"), ">=", 2.5))
    assert right.inputs == (
        Input("x", Source(0, "boxes.0"), required=True),
        Input("image", Source(None, "image"), required=True),
    )
    assert join.inputs == (
        Input("l", Source(1, "y"), required=False),
        Input("r", Source(2, "y"), required=True),
    )
    assert graph.outputs == (("total", Source(3, "z")), ("count", Source(0, "count")))


def test_a_drawing_shows_what_runs_side_by_side() -> None:
    assert "\n".join(draw(plan(read(DIAMOND).dag))) == (
        "graph look\n"
        "├─ 1 ── start (a) ← request\n"
        "├─ 2 ─┬ left (b) ← start [when start.count >= 2.5]\n"
        "│     └ right (b-1) x ← start.boxes.0, image ← request.image\n"
        "├─ 3 ── join (c) l ← optional left.y, r ← right.y\n"
        "└─ answer: total ← join.z, count ← start.count"
    )


def test_without_outputs_the_last_nodes_answer() -> None:
    text = "  nodes: [{name: x, model: a}, {name: y, model: b, input: x}, {name: z, model: c}]\n"
    assert draw(plan(read(text).dag))[-1] == "└─ answer: y, z"


def test_a_sequential_graph_is_a_chain() -> None:
    nodes = "{name: x, model: a-1}, {name: y, model: b}"
    config = read(f"  nodes: [{{name: n, model: a}}]\ngraphs:\n- {{name: g, nodes: [{nodes}]}}\n")
    graph = plan(config.graphs[0])
    assert [(node.model, node.whole, node.inputs) for node in graph.nodes] == [
        ("a-1", None, None),
        ("b", 0, None),
    ]


def test_the_longest_name_of_a_node_is_meant() -> None:
    text = (
        "  nodes: [{name: x, model: a}, {name: x.y, model: b}, "
        "{name: z, model: c, inputs: {i: x.y.t, j: x.t}}]\n"
    )
    inputs = plan(read(text).dag).nodes[2].inputs
    assert inputs is not None
    assert [one.source for one in inputs] == [Source(1, "t"), Source(0, "t")]


A = "{name: x, model: a}"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("  nodes: []\n", "8: dag.nodes: at least one node is needed"),
        (
            f"  nodes: [{A}, {A}]\n",
            "8: dag.nodes[1].name: node 'x' is given twice",
        ),
        (
            "  nodes: [{name: request, model: a}]\n",
            "8: dag.nodes[0].name: 'request' stands for the request",
        ),
        (
            "  nodes: [{name: x, model: d}]\n",
            "8: dag.nodes[0].model: model 'd' is not declared in 'models'; declared: a-1, b-1, c-1",
        ),
        (
            f"  nodes: [{A}, {{name: y, model: b, input: xx}}]\n",
            "8: dag.nodes[1].input: there is no node 'xx' (did you mean 'x'?); "
            "there is: x, y, request",
        ),
        (
            "  nodes: [{name: x, model: a, inputs: {i: rekuest.t}}]\n",
            "8: dag.nodes[0].inputs.i: there is no node 'rekuest' (did you mean 'request'?); "
            "there is: x, request",
        ),
        (
            "  nodes: [{name: x, model: a, inputs: {i: request}}]\n",
            "8: dag.nodes[0].inputs.i: expected NODE.TENSOR or request.TENSOR; got 'request'",
        ),
        (
            "  nodes: [{name: x, model: a, inputs: {i: request.}}]\n",
            "8: dag.nodes[0].inputs.i: expected NODE.TENSOR or request.TENSOR; got 'request.'",
        ),
        (
            "  nodes: [{name: x, model: a, inputs: {}}]\n",
            "8: dag.nodes[0].inputs: at least one tensor is needed",
        ),
        (
            "  nodes: [{name: x, model: a, inputs: {i: }}]\n",
            "8: dag.nodes[0].inputs.i: the entry is empty",
        ),
        (
            f"  nodes: [{A}, {{name: y, model: b, input: x, inputs: {{i: x.t}}}}]\n",
            "8: dag.nodes[1].input: give either 'input' or 'inputs'",
        ),
        (
            "  nodes: [{name: x, model: a, when: request.n}]\n",
            "8: dag.nodes[0].when: expected NODE.TENSOR, one of == != < <= > >= and a number, "
            "such as 'detect.count > 0'; got 'request.n'",
        ),
        (
            "  nodes: [{name: x, model: a, when: request.n > 1.2.3}]\n",
            "8: dag.nodes[0].when: '1.2.3' is not a number",
        ),
        (
            "  nodes: [{name: x, model: a, input: y}, {name: y, model: b, inputs: {i: z.t}}, "
            "{name: z, model: c, when: x.n > 1}]\n",
            "8: dag.nodes: nodes wait for one another: x <- y <- z <- x",
        ),
        (
            "  nodes: [{name: x, model: a, when: x.n > 1}]\n",
            "8: dag.nodes: nodes wait for one another: x <- x",
        ),
        (
            f"  nodes: [{A}]\n  outputs: {{o: y.t}}\n",
            "9: dag.outputs.o: there is no node 'y'; there is: x, request",
        ),
        (
            f"  nodes: [{A}]\ngraphs:\n- {{name: look, nodes: [{A}]}}\n",
            "10: graphs[0].name: 'look' is the name of a model or of another graph",
        ),
        (
            f"  nodes: [{A}]\ngraphs:\n- {{name: b-1, nodes: [{A}]}}\n",
            "10: graphs[0].name: 'b-1' is the name of a model or of another graph",
        ),
        (
            "  nodes: [{name: x, model: a}]\n"
            "graphs:\n- {name: g, nodes: [{name: x, model: a, when: request.n > 1}]}\n",
            "10: graphs[0].nodes[0].when: needs 'type: graph'",
        ),
        (
            f"  nodes: [{A}]\ngraphs:\n- {{name: g, nodes: [{A}], outputs: {{o: x.t}}}}\n",
            "10: graphs[0].outputs: needs 'type: graph'",
        ),
    ],
)
def test_what_is_wrong_is_told(text: str, error: str) -> None:
    assert fails(text) == error


def test_the_name_of_a_model_is_no_name_for_a_graph() -> None:
    text = MODELS.replace("look", "b") + f"  nodes: [{A}]\n"
    with pytest.raises(ConfigError, match=r"dag\.name: 'b' is the name of a model"):
        parse_inference(text, "conf/inference.yml")


def test_a_sequential_dag_may_have_the_name_of_a_model() -> None:
    text = yaml.safe_load(MODELS + f"  nodes: [{A}]\n")
    text["dag"].update(type="sequential", name="a")
    assert parse_inference(yaml.safe_dump(text), "conf/inference.yml").dag is not None
