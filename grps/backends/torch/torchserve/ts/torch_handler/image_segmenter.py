"""The handler ``image_segmenter``."""

from __future__ import annotations

from typing import Any

import torch

from grps.backends.torch.torchserve.images import ToNormalized
from grps.backends.torch.torchserve.ts.torch_handler.vision_handler import VisionHandler


class ImageSegmenter(VisionHandler):
    """Returns the class of each pixel and its probability."""

    image_processing: Any = ToNormalized()

    def postprocess(self, data: Any) -> Any:
        """Return, for each pixel, its most probable class and the probability."""
        best = torch.max(torch.softmax(data["out"], dim=1), dim=1)
        return torch.stack([best.indices.type(best.values.dtype), best.values], dim=3).tolist()
