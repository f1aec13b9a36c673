"""The page at ``/``: its parts, joined into one file that loads nothing from elsewhere."""

from __future__ import annotations

from importlib import resources


def dashboard_page() -> bytes:
    """Return the page."""
    return resources.files("grps.dashboard").joinpath("index.html").read_bytes()
