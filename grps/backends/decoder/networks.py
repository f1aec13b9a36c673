"""Which network a directory has, and what computes it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from grps.backends.common.language.decoder_files import has_safetensors, onnx_files
from grps.backends.decoder.arguments import DecoderArguments
from grps.backends.decoder.network import NetworkFiles
from grps.errors import MissingExtraError, ModelError

_EXTRAS = {"torch": "decoder", "onnxruntime": "onnx"}
"""The extras that install what computes a network."""


def open_network(folder: Path, args: DecoderArguments, device: str | None) -> NetworkFiles:
    """Return the files of the network in a directory; only what is needed for them is imported.

    Args:
        folder: The directory of a model.
        args: What is said of it.
        device: Where it is loaded.

    Raises:
        ModelError: There is none, or it is not supported.
        DeviceError: The device is not there.
        MissingExtraError: What computes it is not installed.
    """
    is_onnx = args.onnx_file is not None or not has_safetensors(folder)
    if is_onnx and not onnx_files(folder):
        raise ModelError(f"{folder}: no network: neither *.safetensors nor *.onnx is there")
    kind = "onnx" if is_onnx else "pytorch"
    try:
        module = import_module(f"grps.backends.decoder.{kind}.files")
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        raise MissingExtraError(error.name, _EXTRAS[error.name]) from error
    found: NetworkFiles = module.open_files(folder, args, device)
    return found
