"""The graphs and the traffic of a service: put behind the native server once models are loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import yaml

from grps.backends.backend import Signature
from grps.backends.common.signature import describe
from grps.config.graphs import Graph, draw, plan_graph
from grps.config.schema import DagConfig, InferenceConfig
from grps.config.traffic.rules import weights_of
from grps.errors import ConfigError, ModelError
from grps.log import logger
from grps.server.models.model import LoadedModel
from grps.server.native import Server

Signatures = Mapping[str, Signature | None]
"""Signatures by the names that nodes call models by."""


def serve_graphs(server: Server, config: InferenceConfig, models: Iterable[LoadedModel]) -> None:
    """Serve all graphs and draw them into the log.

    Args:
        server: Where they are served.
        config: The service's graphs.
        models: All models of the service, which are served already.

    Raises:
        ModelError: The models of a graph do not fit together.
    """
    signatures = _by_name(models)
    for graph, default in _graphs(config):
        if default and graph.type == "sequential":
            server.set_default([node.model for node in graph.nodes])
        else:
            _put(server, graph, signatures, default)
        if len(graph.nodes) > 1:
            for line in draw(plan(graph)):
                logger.info("%s", line)


def put_traffic(server: Server, config: InferenceConfig) -> None:
    """Divide the requests for models among their versions, which may be loaded later.

    Args:
        server: Where they are served.
        config: The service's models and their traffic.

    Raises:
        ModelError: The native server does not take a weight.
    """
    for entry in config.traffic:
        settings = {**msgspec.structs.asdict(entry), "weights": weights_of(entry)}
        try:
            server.put_traffic(msgspec.json.encode(settings).decode())
        except ValueError as error:
            raise ModelError(str(error)) from error


def describe_graphs(server: Server, config: InferenceConfig, models: Iterable[LoadedModel]) -> None:
    """Describe graphs again after their models have changed; those that lack one stay as they are.

    Args:
        server: Where they are served.
        config: The service's graphs.
        models: The models that are served now.
    """
    signatures = _by_name(models)
    for graph, default in _graphs(config):
        whole = all(node.model in signatures for node in graph.nodes)
        if whole and not (default and graph.type == "sequential"):
            _put(server, graph, signatures, default)


def _graphs(config: InferenceConfig) -> Iterator[tuple[DagConfig, bool]]:
    """Give all graphs, and whether each is the default one."""
    if config.dag is not None:
        yield config.dag, True
    for graph in config.graphs:
        yield graph, False


def _by_name(models: Iterable[LoadedModel]) -> Signatures:
    """Give the models' signatures by ``name-version`` and by bare name.

    With several versions, which of them a bare name means changes with what is loaded: it stands
    for none of their signatures then.
    """
    signatures: dict[str, Signature | None] = {}
    for model in models:
        name = model.config.name
        signatures[name] = None if name in signatures else model.signature
        signatures[model.config.key] = model.signature
    return signatures


def _put(server: Server, config: DagConfig, signatures: Signatures, default: bool) -> None:
    graph = plan(config)
    try:
        server.put_graph(graph, _metadata(graph, signatures), default)
    except ValueError as error:
        raise ModelError(str(error)) from error


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
    described = {key: value for key, value in description.items() if value}
    return yaml.safe_dump(described, allow_unicode=True, sort_keys=False)


def _inputs(graph: Graph, signatures: Signatures) -> list[dict[str, Any]]:
    """Return what a request holds: the tensors that nodes take from it, as their models report."""
    found: dict[str, dict[str, Any]] = {}
    for node in graph.nodes:
        signature = signatures.get(node.model)
        described = describe(signature)["inputs"] if signature is not None else []
        known = {tensor["name"]: tensor for tensor in described}
        if node.inputs is None and node.whole is None:
            for name, tensor in known.items():
                found.setdefault(name, tensor)
        for one in node.inputs or ():
            if one.source.node is None:
                tensor = {**known.get(one.name, {}), "name": one.source.tensor}
                found.setdefault(one.source.tensor, tensor)
    return list(found.values())
