"""A copy of a model that a plugin runs in a worker process."""

from __future__ import annotations

from pathlib import Path

from grps.errors import ModelError
from grps.log import logger
from grps.server.loading.plugins import open_plugin, plugin_settings, plugin_signature
from grps.server.native import forward_log
from grps.server.worker.control import Control, Failed, Loaded, Progress, WorkerSettings


def serve_plugin(server: Control, settings: WorkerSettings, pipe: int, note: int) -> int:
    """Create the copy and serve requests natively; return the exit code.

    Args:
        server: Where the outcome of loading goes.
        settings: The model and where it runs.
        pipe: Descriptor of the socket of requests.
        note: Descriptor of the page for notes.
    """
    forward_log(lambda level, line: logger.log(level, "%s", line))
    model, folder = settings.model, Path(settings.folder)
    try:
        plugin = open_plugin(model, folder)
        server.send(Progress("loading", f"loading {model.key}#{settings.index}"))
        signature = plugin_signature(plugin, model, folder)
        loaded = Loaded(signature, takes_messages=not plugin.takes_tensors)
        failure = plugin.serve(
            plugin_settings(model, folder),
            (model.key, settings.index),
            (pipe, note),
            lambda: server.send(loaded),
        )
    except (ModelError, ValueError) as error:
        prefix = f"model {model.key}: "
        server.send(Failed(prefix + str(error).removeprefix(prefix)))
        return 1
    if failure is None:
        return 0
    logger.error("the copy can't be used any more: %s", failure)
    return 1
