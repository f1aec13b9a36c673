"""Where the package keeps its model and what it says of it; its code is not imported."""

import importlib.util
import json
from pathlib import Path
from typing import Any

MODEL = "standard_v3_3"


def folder() -> Path:
    """Return the folder of the model.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    found = importlib.util.find_spec("magika")
    if found is None or found.origin is None:
        raise FileNotFoundError("run: pip install --no-deps magika==1.0.3")
    return Path(found.origin).parent / "models" / MODEL


def settings() -> dict[str, Any]:
    """Return the settings that go with the model: sizes, padding and labels."""
    text = (folder() / "config.min.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found
