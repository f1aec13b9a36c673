"""The Helm chart of a service, rendered by Helm's own engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support import REPOSITORY
from tools.programs.helm import renderer

CHART = REPOSITORY / "deploy" / "helm" / "grps"
RELEASE = "demo"
NAMESPACE = "models"
NAME = f"{RELEASE}-grps"

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What Helm makes of values."""

    manifests: tuple[Manifest, ...]
    error: str
    """Why the values are refused, or empty."""
    lint: tuple[str, ...]
    """Warnings and errors of ``helm lint``."""

    def one(self, kind: str, name: str = NAME) -> Manifest:
        """The only manifest of a kind with a name."""
        assert not self.error, self.error
        (found,) = [m for m in self.manifests if (m["kind"], m["metadata"]["name"]) == (kind, name)]
        return found

    def kinds(self) -> set[str]:
        return {manifest["kind"] for manifest in self.manifests}

    def container(self) -> dict[str, Any]:
        """The container of the service."""
        pod = self.one("Deployment")["spec"]["template"]["spec"]
        container: dict[str, Any] = pod["containers"][0]
        return container


def render_texts(
    texts: Sequence[str], *, chart: Path = CHART, lint: bool = False
) -> list[Rendered]:
    """Render the chart, or another one, with each of several texts of values."""
    asked = {
        "chart": str(chart),
        "namespace": NAMESPACE,
        "release": RELEASE,
        "lint": lint,
        "values": texts,
    }
    command = [str(renderer())]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, check=True, timeout=100
    )
    return [_read(answer) for answer in json.loads(done.stdout)]


def render(*values: dict[str, Any]) -> list[Rendered]:
    """Render the chart with each of several values."""
    return render_texts([yaml.safe_dump(one) for one in values])


def _read(answer: dict[str, Any]) -> Rendered:
    documents = [
        document
        for file, text in sorted((answer["manifests"] or {}).items())
        if file.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document is not None
    ]
    return Rendered(tuple(documents), answer["error"], tuple(answer["lint"] or ()))
