"""Features and labels of Magika's file-type model, as its own package extracts and reads them."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

INPUT_NAME = "bytes"
OUTPUT_NAME = "target_label"
MODEL = "standard_v3_3"


@dataclass(frozen=True, slots=True)
class FileType:
    """What the model says of one file."""

    label: str
    score: float
    """Confidence from 0 to 1."""


@dataclass(frozen=True, slots=True)
class MagikaModel:
    """The model file and the settings that go with it."""

    path: Path
    first_bytes: int
    last_bytes: int
    block_bytes: int
    """How much is read from either end of a file before white space is stripped."""
    padding: int
    """Token that fills up the features of short files; bytes are tokens 0 to 255."""
    labels: tuple[str, ...]
    thresholds: dict[str, float]
    """Least score that some labels need; others need ``medium_threshold``."""
    medium_threshold: float
    overwrites: dict[str, str]
    text_labels: frozenset[str]

    def features(self, content: bytes) -> list[int]:
        """Tokens of a file's start and end, ``first_bytes + last_bytes`` of them."""
        first = content[: self.block_bytes].lstrip()[: self.first_bytes]
        last = content[-self.block_bytes :].rstrip()[-self.last_bytes :]
        return [
            *first,
            *[self.padding] * (self.first_bytes - len(first)),
            *[self.padding] * (self.last_bytes - len(last)),
            *last,
        ]

    def decode(self, scores: Sequence[float]) -> FileType:
        """The label of the best score, or a general one when the model is not sure."""
        if len(scores) != len(self.labels):
            raise ValueError(f"the model has {len(self.labels)} labels, not {len(scores)}")
        best = max(range(len(scores)), key=scores.__getitem__)
        raw = self.labels[best]
        label = self.overwrites.get(raw, raw)
        if scores[best] < self.thresholds.get(raw, self.medium_threshold):
            label = "txt" if label in self.text_labels else "unknown"
        return FileType(label, scores[best])


def load_model() -> MagikaModel:
    """Find the model in the installed package, whose code is not imported.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    found = importlib.util.find_spec("magika")
    if found is None or found.origin is None:
        raise FileNotFoundError("the package magika is not installed; run: make setup")
    package = Path(found.origin).parent
    folder = package / "models" / MODEL
    config = json.loads((folder / "config.min.json").read_text())
    kinds = json.loads((package / "config" / "content_types_kb.min.json").read_text())
    return MagikaModel(
        path=folder / "model.onnx",
        first_bytes=config["beg_size"],
        last_bytes=config["end_size"],
        block_bytes=config["block_size"],
        padding=config["padding_token"],
        labels=tuple(config["target_labels_space"]),
        thresholds=config["thresholds"],
        medium_threshold=config["medium_confidence_threshold"],
        overwrites=config["overwrite_map"],
        text_labels=frozenset(name for name, kind in kinds.items() if kind["is_text"]),
    )
