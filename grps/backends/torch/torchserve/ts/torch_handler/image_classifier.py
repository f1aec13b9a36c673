"""The handler ``image_classifier``."""

from __future__ import annotations

from typing import Any

import torch

from grps.backends.torch.torchserve.images import ToNormalized
from grps.backends.torch.torchserve.ts.handler_utils.timer import timed
from grps.backends.torch.torchserve.ts.torch_handler.vision_handler import VisionHandler
from grps.backends.torch.torchserve.ts.utils.util import map_class_to_label


class ImageClassifier(VisionHandler):
    """Returns the most probable classes of an image."""

    topk = 5
    image_processing: Any = ToNormalized()

    def set_max_result_classes(self, topk: int) -> None:
        """Set how many classes are returned."""
        self.topk = topk

    def get_max_result_classes(self) -> int:
        """Return how many classes are returned."""
        return self.topk

    @timed
    def postprocess(self, data: Any) -> Any:
        """Return the probabilities of the best classes by their names."""
        probabilities, classes = torch.topk(torch.softmax(data, dim=1), self.topk, dim=1)
        return map_class_to_label(probabilities.tolist(), self.mapping, classes.tolist())
