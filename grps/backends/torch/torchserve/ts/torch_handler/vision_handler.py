"""The handler that handlers of images derive from."""

from __future__ import annotations

import base64
import importlib
import io
from abc import ABC
from typing import Any

import torch
from PIL import Image

from grps.backends.torch.torchserve.ts.handler_utils.timer import timed
from grps.backends.torch.torchserve.ts.torch_handler.base_handler import (
    NOT_IMPLEMENTED,
    BaseHandler,
)
from grps.backends.torch.torchserve.ts.utils.util import PredictionException


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

    def get_insights(self, tensor_data: Any, _: Any, target: int = 0) -> Any:
        """Return how much each pixel counts for a class, by integrated gradients.

        Raises:
            PredictionException: The package captum is not installed.
        """
        try:
            attr = importlib.import_module("captum.attr")
        except ImportError as error:
            raise PredictionException(
                "explanations need the package captum: pip install captum beside grpst, or name "
                "it in the archive's requirements file",
                NOT_IMPLEMENTED,
            ) from error
        gradients = attr.IntegratedGradients(self.model)
        return gradients.attribute(tensor_data, target=target, n_steps=15).tolist()
