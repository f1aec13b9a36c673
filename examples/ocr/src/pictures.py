"""Pictures as the models take them."""

import io

import numpy as np
from PIL import Image

from grps.errors import InputError

MAX_PIXELS = 4096 * 4096
MULTIPLE = 32
"""Sides that the detector takes are multiples of this."""
LONGEST_SIDE = 960


def decode(data: bytes) -> Image.Image:
    """Read a picture.

    Raises:
        InputError: It is none, or it is too large.
    """
    try:
        picture = Image.open(io.BytesIO(data))
        if picture.width * picture.height > MAX_PIXELS:
            raise InputError(f"the picture has more than {MAX_PIXELS} pixels")
        return picture.convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError("the body is not a picture that can be read") from error


def for_detector(picture: Image.Image) -> Image.Image:
    """Bring a picture to a size that the detector takes."""
    scale = min(1.0, LONGEST_SIDE / max(picture.size))
    sides = [max(MULTIPLE, round(side * scale / MULTIPLE) * MULTIPLE) for side in picture.size]
    return picture.resize((sides[0], sides[1]))


def normalize(picture: np.ndarray) -> np.ndarray:
    """Turn RGB bytes ``[..., H, W, 3]`` into float32 ``[..., 3, H, W]``, -1 to 1, blue first."""
    return np.moveaxis(picture[..., ::-1].astype(np.float32) / 127.5 - 1, -1, -3)


def strip(picture: Image.Image, height: int, width: int) -> np.ndarray:
    """Bring a line of text to a height, filled up with grey on the right to a width."""
    wide = min(width, max(1, round(picture.width * height / picture.height)))
    filled = np.full((height, width, 3), 127, np.uint8)
    filled[:, :wide] = np.asarray(picture.resize((wide, height)))
    return filled
