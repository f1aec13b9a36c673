"""The handler that handlers of images derive from."""

from __future__ import annotations

import base64
import io
from abc import ABC
from typing import Any

import torch
from PIL import Image

from grps.backends.torch.torchserve.ts.handler_utils.timer import timed
from grps.backends.torch.torchserve.ts.torch_handler.base_handler import BaseHandler


class VisionHandler(BaseHandler, ABC):
    """Decodes images; a handler of its own says by ``image_processing`` how one is a tensor."""

    image_processing: Any = None

    def initialize(self, context: Any) -> None:
        """Load the model."""
        super().initialize(context)
        if not context.system_properties.get("limit_max_image_pixels"):
            Image.MAX_IMAGE_PIXELS = None

    @timed
    def preprocess(self, data: Any) -> Any:
        """Return the images of the requests as a tensor.

        An image is a file, the base64 of one, or numbers.
        """
        images = []
        for row in data:
            image = row.get("data") or row.get("body")
            if isinstance(image, str):
                image = base64.b64decode(image)
            if isinstance(image, (bytearray, bytes)):
                image = self.image_processing(Image.open(io.BytesIO(image)))
            else:
                image = torch.FloatTensor(image)
            images.append(image)
        return torch.stack(images).to(self.device)
