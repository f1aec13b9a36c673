"""What a directory with a decoder is recognised by."""

from __future__ import annotations

from pathlib import Path

from grps.backends.common.language.json_files import read_json
from grps.errors import ModelError

SAFETENSORS_FILES = frozenset({"model.safetensors", "model.safetensors.index.json"})
"""Files any of which shows that the weights are in safetensors."""
_FOLDERS = ("", "onnx")
"""Where exporters put ONNX files."""
_END = "ForCausalLM"


def has_safetensors(folder: Path) -> bool:
    """Return whether a directory has weights in safetensors."""
    return any((folder / name).is_file() for name in SAFETENSORS_FILES)


def onnx_files(folder: Path) -> list[str]:
    """Return the ONNX files of a directory, relative to it, in order."""
    found = (path for name in _FOLDERS for path in sorted((folder / name).glob("*.onnx")))
    return [str(path.relative_to(folder)) for path in found]


def is_onnx_decoder(folder: Path) -> bool:
    """Return whether a directory has a decoder in ONNX, and no weights in safetensors."""
    if has_safetensors(folder) or not onnx_files(folder):
        return False
    if not (folder / "tokenizer.json").is_file():
        return False
    try:
        names = read_json(folder / "config.json").get("architectures")
    except ModelError:
        return False
    return isinstance(names, list) and any(str(name).endswith(_END) for name in names)
