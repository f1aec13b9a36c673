"""The ONNX model that a Python package brings along."""

from typing import Any

from grps import OnnxModelInferer, inferer_register
from src import magika_package


class PackagedMagika(OnnxModelInferer):
    """Finds its model file by itself; all the rest is the built-in inferer's."""

    def init(self, path: str | None, device: str | None = None, args: Any = None) -> None:
        """Take the file from the package, whatever ``path`` says."""
        super().init(str(magika_package.folder() / "model.onnx"), device, args)


inferer_register.register("packaged_magika", PackagedMagika())
