"""The handler ``object_detector``."""

from __future__ import annotations

from typing import Any

from grps.backends.torch.torchserve.images import ToTensor
from grps.backends.torch.torchserve.ts.torch_handler.vision_handler import VisionHandler
from grps.backends.torch.torchserve.ts.utils.util import map_class_to_label


class ObjectDetector(VisionHandler):
    """Returns the boxes, classes and scores of the objects in an image."""

    image_processing: Any = ToTensor()
    threshold = 0.5

    def postprocess(self, data: Any) -> Any:
        """Return the boxes whose scores reach the threshold, by the names of their classes."""
        return [self._objects(row) for row in data]

    def _objects(self, row: Any) -> list[dict[str, Any]]:
        is_seen = row["scores"] >= self.threshold
        columns = (row[key][is_seen].tolist() for key in ("boxes", "labels", "scores"))
        found = []
        for box, label, score in zip(*columns, strict=True):
            (named,) = map_class_to_label([[box]], self.mapping, [[label]])
            found.append({**named, "score": score})
        return found
