"""Imports classes by name, and sends responses in pieces."""

from __future__ import annotations

import importlib
from typing import Any

from grps.backends.torch.torchserve.ts.context import Context


def import_class(class_name: str, module_prefix: str | None = None) -> Any:
    """Return a class by its name, such as ``package.module.Class``.

    Raises:
        ImportError: There is none.
    """
    module_name, _, name = (class_name or "").rpartition(".")
    full = ".".join(part for part in (module_prefix, module_name) if part)
    if not (name and full):
        raise ImportError(f"{class_name!r} names no class of a module")
    found = getattr(importlib.import_module(full), name, None)
    if found is None:
        raise ImportError(f"class:{name} not found in module:{full}.")
    return found


def send_intermediate_predict_response(
    ret: list[Any],
    req_id_map: dict[int, str],
    message: str,
    code: int,
    context: Context,
) -> None:
    """Send a piece of the response to each request of a batch.

    Args:
        ret: The pieces.
        req_id_map: The requests that they are for.
        message: Not used.
        code: Not used; the status is that of the context.
        context: The handler's context.
    """
    del message, code
    for idx in req_id_map:
        context.cl_socket.send_piece(idx, ret[idx])
