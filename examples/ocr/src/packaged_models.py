"""The ONNX models that a Python package brings along; its code is not imported."""

import importlib.util
from pathlib import Path
from typing import Any

from grps import OnnxModelInferer, inferer_register


def model_file(name: str) -> Path:
    """Return the file of a model.

    Raises:
        FileNotFoundError: The package is not installed.
    """
    found = importlib.util.find_spec("rapidocr")
    if found is None or found.origin is None:
        raise FileNotFoundError("run: pip install --no-deps rapidocr==3.10.0")
    return Path(found.origin).parent / "models" / name


class PackagedOnnx(OnnxModelInferer):
    """Finds its model by its name in the package; all the rest is the built-in inferer's."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Take ``path`` as a name in the package."""
        super().init(str(model_file(str(path))), device, args)


inferer_register.register("packaged_onnx", PackagedOnnx())
