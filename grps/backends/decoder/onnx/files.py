"""The files of a decoder in ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from grps.backends.common.device import parse_device, require_cpu
from grps.backends.common.language.decoder_files import onnx_files
from grps.backends.common.language.json_files import read_json
from grps.backends.common.onnx.causes import onnxruntime_cause
from grps.backends.common.onnx.external_data import external_names, read_external_data
from grps.backends.decoder.arguments import DecoderArguments
from grps.backends.decoder.memory import check_weights, free_memory
from grps.backends.decoder.onnx.graph import read_graph, read_sharing
from grps.backends.decoder.onnx.network import OnnxNetwork
from grps.errors import ModelError
from grps.machine import usable_cpus

_PREFERRED = ("model.onnx", "onnx/model.onnx")
_LOG_ERRORS = 3


class OnnxFiles:
    """A graph with its weights, which is loaded when it is opened; implements ``NetworkFiles``."""

    weights_bytes = 0
    """They take none of the memory that is still free."""

    def __init__(self, folder: Path, args: DecoderArguments) -> None:
        """Load the graph.

        Args:
            folder: The directory of the model.
            args: What is said of it.

        Raises:
            ModelError: The files are wrong, or the graph is not supported, or has no room.
        """
        path = folder / _chosen(folder, args.onnx_file)
        files = [path, *(path.parent / name for name in external_names(path))]
        check_weights(
            sum(one.stat().st_size for one in files), free_memory(), "a smaller onnx_file"
        )
        options = _options(args)
        self._weights = read_external_data(path, options)
        try:
            self._session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise ModelError(f"{path}: {onnxruntime_cause(error)}") from error
        self._graph = read_graph(path, self._session.get_inputs(), self._session.get_outputs())
        self._sharing = read_sharing(path)
        config = read_json(folder / "config.json")
        self.vocabulary = self._graph.vocabulary or _count(folder, config, "vocab_size")
        self.context_length = _count(folder, config, "max_position_embeddings")
        self.position_bytes = self._graph.position_bytes

    def free_bytes(self) -> int:
        """Return how much memory is free."""
        return free_memory()

    def load(self, context_length: int) -> OnnxNetwork:
        """Return the network; see ``NetworkFiles.load``."""
        return OnnxNetwork(self._session, self._weights, self._graph, context_length, self._sharing)


def open_files(folder: Path, args: DecoderArguments, device: str | None) -> OnnxFiles:
    """Return the files of a model; see ``open_network``."""
    require_cpu(parse_device(device), "a decoder in ONNX")
    if args.adapters:
        raise ModelError("inferer_args: adapters: a decoder in ONNX takes none; use safetensors")
    if args.dtype != "auto":
        raise ModelError(
            f"inferer_args: dtype: {args.dtype}: an ONNX graph has its own types; choose another "
            "file by onnx_file"
        )
    return OnnxFiles(folder, args)


def _chosen(folder: Path, given: str | None) -> str:
    """Return the file with the graph, relative to the directory of the model."""
    found = onnx_files(folder)
    listed = ", ".join(found)
    if given is not None:
        if given not in found:
            raise ModelError(
                f"inferer_args: onnx_file: {given!r} is none of the ONNX files of {folder}: "
                f"{listed}"
            )
        return given
    chosen = next((name for name in _PREFERRED if name in found), found[0])
    if len(found) > 1 and chosen not in _PREFERRED:
        raise ModelError(f"{folder}: several ONNX files; name one by onnx_file: {listed}")
    return chosen


def _options(args: DecoderArguments) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS
    options.intra_op_num_threads = args.intra_op_threads or usable_cpus()
    options.inter_op_num_threads = 1
    # Idle threads would take the processor from those of the service.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _count(folder: Path, config: dict[str, Any], name: str) -> int:
    value = config.get(name)
    if type(value) is not int or value < 1:
        raise ModelError(
            f"{folder / 'config.json'}: {name} is {value!r}, not a whole number above 0"
        )
    return value
