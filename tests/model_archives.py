"""Model archives of TorchServe for tests, as torch-model-archiver writes them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MANIFEST = "MAR-INF/MANIFEST.json"


def manifest_of(name: str, handler: str, **keys: Any) -> bytes:
    """The manifest of a model; further keys of its section are TorchServe's, such as modelFile."""
    model = {"modelName": name, "handler": handler, "modelVersion": "1.0", **keys}
    described = {
        "createdOn": "28/11/2026 00:00:00",
        "runtime": "python",
        "model": model,
        "archiverVersion": "0.12.0",
    }
    return json.dumps(described, indent=2).encode()


def write_mar(path: Path, manifest: bytes, files: Mapping[str, str | bytes]) -> Path:
    """Write an archive; its manifest is the last entry, as the tool has it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.writestr(MANIFEST, manifest)
    return path
