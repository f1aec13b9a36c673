"""The page at ``/``: its parts, joined into one file that loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
from importlib import resources

SCRIPTS = (
    "texts",
    "chat_texts",
    "page_texts",
    "playground_texts",
    "basics",
    "tables",
    "views",
    "charts/palette",
    "charts/range",
    "charts/past",
    "charts/plot",
    "charts/lines",
    "charts/buckets",
    "charts/heat",
    "charts/spark",
    "diagnose",
    "header",
    "overview",
    "overview_charts",
    "served",
    "layout",
    "graph",
    "steps",
    "services",
    "traffic",
    "selection",
    "requests",
    "capture",
    "series",
    "described",
    "playground",
    "media",
    "results",
    "copying",
    "answers",
    "empty",
    "markdown",
    "events",
    "tokens",
    "turns",
    "chat",
    "logs",
    "appearance",
    "commands",
    "keys",
    "clock",
    "main",
)
"""The page's scripts, each using those before it."""


def dashboard_page(service: str = "") -> bytes:
    """Return the page; its policy lets the browser run these scripts and ask this service only.

    Args:
        service: The name of the service, for the title and the head of the page.
    """
    style = _read("vendor/uPlot.min.css") + _read("style.css") + _read("playground.css")
    own = "".join(_read(f"scripts/{name}.js") for name in SCRIPTS)
    scripts = [_read("vendor/uPlot.iife.min.js"), f'"use strict";\n(() => {{\n{own}}})();\n']
    policy = (
        "default-src 'none'; connect-src 'self'; img-src data: blob:; media-src blob:; "
        f"style-src 'unsafe-inline'; script-src {' '.join(map(_digest, scripts))}"
    )
    page = _read("index.html")
    name = html.escape(service)
    for place, part in (
        ("title", f"{name} – GRPS" if name else "GRPS"),  # noqa: RUF001 - a dash between names
        ("service", name),
        ("policy", f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        ("style", f"<style>{style}</style>"),
        ("scripts", "".join(f"<script>{script}</script>" for script in scripts)),
    ):
        page = page.replace(f"<!-- {place} -->", part)
    return page.encode()


def _read(name: str) -> str:
    return resources.files("grps.dashboard").joinpath(name).read_text(encoding="utf-8")


def _digest(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
