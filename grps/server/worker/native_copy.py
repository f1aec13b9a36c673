"""A copy of a model that native code runs in a worker process: a plugin, or an engine."""

from __future__ import annotations

from pathlib import Path

from grps.errors import GrpsError
from grps.log import logger
from grps.server.loading.native_engines import engine_signature, load_engine
from grps.server.loading.plugins import (
    open_plugin,
    plugin_settings,
    plugin_signature,
    plugin_state_bytes,
)
from grps.server.native import forward_log
from grps.server.worker.control import Control, Failed, Loaded, Progress, WorkerSettings

Descriptors = tuple[int, int]
"""The socket of requests, and the page for notes."""


def serve_natively(server: Control, settings: WorkerSettings, descriptors: Descriptors) -> int:
    """Create the copy and serve requests natively; return the exit code.

    Args:
        server: Where the outcome of loading goes.
        settings: The model and where it runs.
        descriptors: The socket of requests, and the page for notes.
    """
    forward_log(lambda level, line: logger.log(level, "%s", line))
    model = settings.model
    serve = _serve_plugin if model.inferer_type == "plugin" else _serve_engine
    try:
        server.send(Progress("loading", f"loading {model.key}#{settings.index}"))
        failure = serve(server, settings, descriptors)
    except (GrpsError, ValueError) as error:
        prefix = f"model {model.key}: "
        server.send(Failed(prefix + str(error).removeprefix(prefix)))
        return 1
    if failure is None:
        return 0
    logger.error("the copy can't be used any more: %s", failure)
    return 1


def _serve_plugin(
    server: Control, settings: WorkerSettings, descriptors: Descriptors
) -> str | None:
    """Serve with a plugin until the end, or until its copy can't be used any more: the cause."""
    model, folder = settings.model, Path(settings.folder)
    plugin = open_plugin(model, folder)
    signature = plugin_signature(plugin, model, folder)
    state_bytes = plugin_state_bytes(plugin, model, folder) if model.makes_steps else 0
    loaded = Loaded(signature, takes_messages=not plugin.takes_tensors, state_bytes=state_bytes)
    steps = (model.slots, model.steps.prefills_in_parts) if model.makes_steps else None
    return plugin.serve(
        plugin_settings(model, folder),
        (model.key, settings.index, steps),
        descriptors,
        lambda: server.send(loaded),
    )


def _serve_engine(
    server: Control, settings: WorkerSettings, descriptors: Descriptors
) -> str | None:
    """The same with an engine."""
    model = settings.model
    copy = load_engine(model, Path(settings.folder).absolute(), logger.info)
    loaded = Loaded(engine_signature(model, copy))
    name = f"{model.key}#{settings.index}"
    return copy.serve(name, descriptors, lambda: server.send(loaded))
