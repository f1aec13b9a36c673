"""Makes PNG files small, and compares them."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

COLOURS = 256
CLEARLY = 48
"""By so much, of 255, a channel of two pixels has to differ for them to be different."""
MOST_DIFFERENT = 0.01
"""Share of the pixels that may be different: fonts are not drawn alike everywhere."""


def quantised(png: bytes) -> bytes:
    """Return a picture with at most 256 colours, as a small PNG."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    few = image.quantize(COLOURS, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    out = io.BytesIO()
    few.save(out, "PNG", optimize=True)
    return out.getvalue()


def difference(one: bytes, other: bytes) -> float:
    """Return which share of the pixels of two pictures is clearly different; 1 if sizes differ."""
    first, second = (
        np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.int16) for png in (one, other)
    )
    if first.shape != second.shape:
        return 1.0
    return float((np.abs(first - second).max(axis=2) > CLEARLY).mean())
