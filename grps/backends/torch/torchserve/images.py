"""Images as tensors, as the handlers of TorchServe for images make them by torchvision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from PIL.Image import Image, Resampling

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class ToTensor:
    """Makes a tensor of three colours from 0 to 1 of an image."""

    def __call__(self, image: Image) -> torch.Tensor:
        """Return the image as ``[3, height, width]``."""
        pixels = np.array(image.convert("RGB"))
        return torch.from_numpy(pixels).permute(2, 0, 1).to(torch.float32).div(255)


@dataclass(frozen=True, slots=True)
class ToNormalized:
    """Makes the input of a network that was trained on ImageNet of an image."""

    shorter: int = 256
    """The shorter side after resizing."""
    cropped: int = 224
    """Both sides of the middle that is kept."""

    def __call__(self, image: Image) -> torch.Tensor:
        """Return the image as ``[3, cropped, cropped]``."""
        pixels = ToTensor()(self._crop(self._resize(image.convert("RGB"))))
        mean, deviation = (torch.tensor(row).view(3, 1, 1) for row in (MEAN, DEVIATION))
        return (pixels - mean) / deviation

    def _resize(self, image: Image) -> Image:
        short, long = sorted(image.size)
        longer = int(self.shorter * long / short)
        is_wide = image.width >= image.height
        size = (longer, self.shorter) if is_wide else (self.shorter, longer)
        return image.resize(size, Resampling.BILINEAR)

    def _crop(self, image: Image) -> Image:
        left = round((image.width - self.cropped) / 2)
        top = round((image.height - self.cropped) / 2)
        return image.crop((left, top, left + self.cropped, top + self.cropped))
