"""Files that are often given as models and are none, each with what to do about it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

LEGACY_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""The magic number that torch.save pickled at the head of a file before its zip format."""
_EXPORT = "export the model with torch.export.save, or torch.jit.trace(...).save"

_STARTS: tuple[tuple[bytes, str], ...] = (
    (
        LEGACY_TORCH,
        f"a checkpoint of torch.save (old format): it holds no runnable model; {_EXPORT}",
    ),
    (
        b"version https://git-lfs",
        "a Git LFS pointer instead of the model itself; run: git lfs pull",
    ),
    (b"\x89HDF\r\n", "an HDF5 file (Keras weights); export it as a TensorFlow SavedModel"),
    (b"GGUF", "GGUF weights of a language model"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"\x1f\x8b", "a gzip archive; unpack it first"),
    (b"\x7fELF", "a shared library; give the .pt2 package that AOTInductor writes"),
    (b"<!DOCTYPE", "a web page; download the model again"),
    (b"<html", "a web page; download the model again"),
)
_ZIP_MARKS = {
    "data.pkl": "a checkpoint of torch.save: it holds weights without the code that runs them; "
    f"{_EXPORT}",
    "model.weights.h5": "a Keras archive; export it with model.export(...) as a TensorFlow "
    "SavedModel",
    "MAR-INF/MANIFEST.json": "a TorchServe archive, which has its own code; put it online with: "
    "grpst start FILE.mar",
}
"""Files in a zip archive, and what they show it to be."""
_TFLITE = b"TFL3"
_SAFETENSORS_HEADER = slice(8, 10)


def foreign_format(head: bytes) -> str:
    """Say what a file that begins with ``head`` looks like and, if known, what to do."""
    for start, words in _STARTS:
        if head.startswith(start):
            return words
    if head[4:8] == _TFLITE:
        return "a TensorFlow Lite model; give the SavedModel or ONNX it was made from"
    if head[_SAFETENSORS_HEADER] == b'{"':
        return f"safetensors weights, which hold no runnable model; {_EXPORT}"
    if head.isascii():
        return "a text file"
    return "not a model format known here"


def foreign_zip(names: AbstractSet[str]) -> str | None:
    """Say what a zip archive with these files is and what to do; ``None`` when it is unknown."""
    for mark, words in _ZIP_MARKS.items():
        if mark in names:
            return words
    return None
