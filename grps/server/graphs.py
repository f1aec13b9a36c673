"""The graphs of a service: put behind the native server once their models are loaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from grps.backends.base import Signature
from grps.backends.signature import describe
from grps.config.graphs import Graph, draw, plan_graph
from grps.config.schema import DagConfig, InferenceConfig
from grps.errors import ConfigError, ModelError
from grps.log import logger
from grps.server.native import Server

Signatures = Mapping[str, Signature | None]
"""Signatures by the names that nodes call models by."""


def serve_graphs(server: Server, config: InferenceConfig, signatures: Signatures) -> None:
    """Register all graphs of a service and draw them into the log.

    Args:
        server: Where they are registered.
        config: The service's models and graphs.
        signatures: What is known of the models, by ``name-version``.

    Raises:
        ModelError: The models of a graph do not fit together.
    """
    names = [model.name for model in config.models]
    for model in config.models:
        # With several versions, which of them a bare name means changes with what is loaded.
        if names.count(model.name) == 1:
            signatures = {**signatures, model.name: signatures[model.key]}
    if config.dag is not None:
        _serve(server, config.dag, signatures, default=True)
    for graph in config.graphs:
        _serve(server, graph, signatures, default=False)


def _serve(server: Server, config: DagConfig, signatures: Signatures, *, default: bool) -> None:
    graph = plan(config)
    if default and config.type == "sequential":
        server.set_default([node.model for node in graph.nodes])
    else:
        try:
            server.add_graph(graph, _metadata(graph, signatures), default)
        except ValueError as error:
            raise ModelError(str(error)) from error
    if len(graph.nodes) > 1:
        for line in draw(graph):
            logger.info("%s", line)


def plan(config: DagConfig) -> Graph:
    """Return the plan of a graph that was checked when it was read."""
    return plan_graph(config, "dag", lambda at, text: ConfigError(f"{at}: {text}"))


def _metadata(graph: Graph, signatures: Signatures) -> str:
    """Describe a graph as ``metadata/model`` does a model."""
    description = {
        "name": graph.name,
        "type": "graph",
        "nodes": [{"name": node.name, "model": node.model} for node in graph.nodes],
        "inputs": _inputs(graph, signatures),
        "outputs": [name for name, _ in graph.outputs],
    }
    told = {key: value for key, value in description.items() if value}
    return yaml.safe_dump(told, allow_unicode=True, sort_keys=False)


def _inputs(graph: Graph, signatures: Signatures) -> list[dict[str, Any]]:
    """Return what a request holds: the tensors that nodes take from it, as their models tell."""
    found: dict[str, dict[str, Any]] = {}
    for node in graph.nodes:
        signature = signatures.get(node.model)
        told = describe(signature)["inputs"] if signature is not None else []
        known = {tensor["name"]: tensor for tensor in told}
        if node.inputs is None and node.whole is None:
            for name, tensor in known.items():
                found.setdefault(name, tensor)
        for one in node.inputs or ():
            if one.source.node is None:
                tensor = {**known.get(one.name, {}), "name": one.source.tensor}
                found.setdefault(one.source.tensor, tensor)
    return list(found.values())
