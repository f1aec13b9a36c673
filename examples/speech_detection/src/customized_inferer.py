"""The ONNX model that a Python package brings along."""

import importlib.util
from pathlib import Path
from typing import Any

from grps import OnnxModelInferer, inferer_register

MODEL = "silero_vad_16k_sequence.onnx"


def model_file() -> Path:
    """Return the model's file; the package's code is not imported.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    found = importlib.util.find_spec("silero_vad")
    if found is None or found.origin is None:
        raise FileNotFoundError("run: pip install --no-deps silero-vad==6.2.3")
    return Path(found.origin).parent / "data" / MODEL


class PackagedSilero(OnnxModelInferer):
    """Finds its model file by itself; all the rest is the built-in inferer's."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Take the file from the package, whatever ``path`` says."""
        super().init(str(model_file()), device, args)


inferer_register.register("packaged_silero", PackagedSilero())
