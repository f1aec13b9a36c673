"""Plugins: their libraries, and what the copies of a model are created by."""

from __future__ import annotations

import json
from pathlib import Path

from grps.backends.backend import Signature
from grps.config.schema import ModelConfig
from grps.errors import ModelError
from grps.server.loading.plugin_libraries import load_needed
from grps.server.loading.signatures import signature_of
from grps.server.native import NativePlugin, Plugin


def open_plugin(config: ModelConfig, folder: Path) -> Plugin:
    """Load the library of a model.

    Args:
        config: The model, whose ``inferer_type`` is ``plugin``.
        folder: The project, which relative paths start from.

    Raises:
        ModelError: It can't be loaded, or does not fit the model's batching.
    """
    folder = folder.absolute()
    path = folder / (config.inferer_path or "")
    if path.is_file() and (missing := load_needed(path, folder)) is not None:
        raise ModelError(f"model {config.key}: {path}: {missing}")
    name, batching = config.inferer_name or "", config.batching
    try:
        plugin = Plugin(path, name)
        plugin.check_steps(name, config.makes_steps, config.steps.prefills_in_parts)
    except ValueError as error:
        raise ModelError(f"model {config.key}: {error}") from error
    if not plugin.takes_tensors and batching and (batching.allowed_sizes or batching.padding):
        raise ModelError(
            f"model {config.key}: allowed_sizes and padding need tensors, but inferer "
            f"{config.inferer_name!r} takes whole messages; leave them out"
        )
    return plugin


def plugin_settings(config: ModelConfig, folder: Path) -> NativePlugin:
    """Return what a copy is created by."""
    return NativePlugin(
        inferer=config.inferer_name or "",
        folder=str(folder.absolute()),
        device=config.device or "",
        args=json.dumps(config.inferer_args or {}, ensure_ascii=False, default=str),
        warm_up=config.warm_up,
    )


def plugin_state_bytes(plugin: Plugin, config: ModelConfig, folder: Path) -> int:
    """Return the bytes of one row of all slots of a step model.

    Raises:
        ModelError: The inferer can't declare its slots.
    """
    try:
        return plugin.state_bytes(plugin_settings(config, folder), config.key)
    except ValueError as error:
        raise ModelError(f"model {config.key}: {error}") from error


def plugin_signature(plugin: Plugin, config: ModelConfig, folder: Path) -> Signature | None:
    """Return the inputs and outputs that an inferer describes; ``None`` when it does not.

    Raises:
        ModelError: It can't describe them.
    """
    try:
        described = plugin.describe(plugin_settings(config, folder), config.key)
    except ValueError as error:
        raise ModelError(f"model {config.key}: {error}") from error
    if described is None:
        return None
    return signature_of(*described)
