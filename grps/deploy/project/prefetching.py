"""Fetches what a project gives by URIs before its service starts, so that the start is short."""

from __future__ import annotations

from collections.abc import Callable

from grps.server.loading.local_files import has_uris, local_model
from grps.server.project import Project
from grps.sources import Settings, Sources


def prefetch(
    project: Project,
    on_bytes: Callable[[str, int, int], None],
    on_line: Callable[[str], None],
) -> None:
    """Fetch the models of a project that are given by URIs into the cache.

    Args:
        project: The project.
        on_bytes: Receives the progress.
        on_line: Receives warnings.

    Raises:
        GrpsError: One can't be fetched.
    """
    wanted = [model for model in project.inference.models if has_uris(model)]
    if not wanted:
        return
    sources = Sources(Settings.of(project.server.sources), on_bytes=on_bytes, on_line=on_line)
    for model in wanted:
        local_model(model, sources).release()
