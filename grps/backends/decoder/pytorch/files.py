"""The files of a decoder in safetensors."""

from __future__ import annotations

from pathlib import Path

import torch

from grps.backends.common.device import choose_device, parse_device
from grps.backends.decoder.arguments import DecoderArguments
from grps.backends.decoder.memory import free_memory
from grps.backends.decoder.pytorch.adapters import AdapterReader
from grps.backends.decoder.pytorch.architecture import read_architecture
from grps.backends.decoder.pytorch.network import Network
from grps.backends.decoder.pytorch.weights import WeightsReader
from grps.errors import DeviceError

_DTYPES = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class SafetensorsFiles:
    """The files of a decoder in safetensors; implements ``NetworkFiles``."""

    def __init__(self, folder: Path, args: DecoderArguments, place: torch.device) -> None:
        """Read the sizes.

        Args:
            folder: The directory of the model.
            args: What is said of it.
            place: The device that it goes to.

        Raises:
            ModelError: The files are wrong, or the model is not supported.
        """
        self._architecture = read_architecture(folder)
        self._reader = WeightsReader(folder, self._architecture)
        named = self._architecture.dtype if args.dtype == "auto" else args.dtype
        self._dtype = _DTYPES.get(named or "", self._reader.dtype)
        self._place = place
        self._adapters = {
            name: AdapterReader(Path(path), self._architecture)
            for name, path in args.adapters.items()
        }
        elements = self._reader.elements + sum(one.elements for one in self._adapters.values())
        self.vocabulary = self._architecture.vocabulary
        self.context_length = self._architecture.context_length
        self.weights_bytes = elements * self._dtype.itemsize
        self.position_bytes = self._architecture.position_elements * self._dtype.itemsize

    def free_bytes(self) -> int:
        """Return how much memory is free on the device."""
        if self._place.type == "cuda":
            return int(torch.cuda.mem_get_info(self._place)[0])
        return free_memory()

    def load(self, context_length: int) -> Network:
        """Read the weights; see ``NetworkFiles.load``."""
        weights = self._reader.read(self._dtype, self._place)
        adapters = {
            name: one.read(self._dtype, self._place) for name, one in self._adapters.items()
        }
        return Network(self._architecture, weights, context_length, adapters)


def open_files(folder: Path, args: DecoderArguments, device: str | None) -> SafetensorsFiles:
    """Return the files of a model; see ``open_network``."""
    if args.intra_op_threads:
        torch.set_num_threads(args.intra_op_threads)
    return SafetensorsFiles(folder, args, _place(device))


def _place(device: str | None) -> torch.device:
    """Return the device that a model goes to.

    Raises:
        DeviceError: It is not there, or none of PyTorch's.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    chosen = choose_device(parse_device(device), count, "PyTorch finds no CUDA device")
    if chosen.kind == "original":
        raise DeviceError("device original: the files of the model name no device; use cpu or cuda")
    return torch.device(str(chosen))
