"""Images to tensors: decoded, brought to the model's size, and normalised."""

from __future__ import annotations

import io
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from grps.backends.backend import TensorSpec
from grps.converters.common.model_inputs import ModelInputs, number_type
from grps.converters.common.raw_files import files_of
from grps.converters.common.reader import Arrays, Read
from grps.errors import InputError, ModelError
from grps.machine import memory_limit
from grps.protocol.pb.grps_pb2 import GrpsMessage

Positive = Annotated[int, msgspec.Meta(ge=1)]
MAX_SIDE = 16_384

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""Formats that are decoded; of those that can hold several images, the first."""
_MODES = {"rgb": "RGB", "bgr": "RGB", "gray": "L"}
_CHANNELS = {"rgb": 3, "bgr": 3, "gray": 1}
_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_RANK = 4
_IMAGES_AT_FULL_SIZE = 4
"""A request may have so many images of ``max_pixels``, or more of fewer pixels."""
_MEMORY_SHARE = 2
"""Images of any size may take one part in so many of the memory."""
_EXAMPLE_SIDE = 224
_MOST_16_BIT = 65_535
_MOST_STRETCHED = 64
"""An image may be so many times as long as it is wide: its shorter side is brought to the size."""


class ImageArguments(msgspec.Struct, frozen=True):
    """``converter_args`` of ``converter_type: image``."""

    # msgspec 0.22 crashes on a union of a number with bounds and a pair; `_size_of` checks.
    size: int | tuple[int, int] | None = None
    """Height and width, or one number for both; what the model's input says when absent."""
    fit: Literal["crop", "pad", "stretch"] = "crop"
    """How an image of another shape comes to that size: its middle, with a border, or distorted."""
    crop_fraction: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    """With ``fit: crop``, the part of the shorter side that is kept; often 0.875 for ImageNet."""
    interpolation: Literal["nearest", "bilinear", "bicubic", "lanczos"] = "bilinear"
    color: Literal["rgb", "bgr", "gray"] | None = None
    """Order of the channels; rgb, or gray where the model takes one channel, when absent."""
    layout: Literal["nchw", "nhwc"] | None = None
    """Order of the dimensions; what the model's input looks like when absent."""
    scale: float | None = None
    """What each value from 0 to 255 is multiplied by; 1/255 for floats, else 1, when absent."""
    mean: tuple[float, ...] = ()
    """What is taken off each channel then; one number for all, or one for each."""
    std: tuple[float, ...] = ()
    """What each channel is divided by then."""
    pad_value: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    """Value of the border of ``fit: pad``."""
    exif_orientation: bool = True
    """Turn photographs upright, as their camera says."""
    max_pixels: Positive = 50_000_000
    """Most pixels of an image; a larger one is refused before it is decoded."""
    max_request_pixels: Positive | None = None
    """Most pixels of all images of a request together; four times ``max_pixels`` when absent."""
    max_images: Positive = 64
    """Most images of one request."""
    reduced_decode: bool = False
    """Decode large JPEG files at a fraction of their size, which is quicker and less exact."""


class ImageReader:
    """Makes one input of images."""

    def __init__(self, arguments: ImageArguments, inputs: ModelInputs) -> None:
        """Read images for the input that ``inputs`` leaves to fill.

        Raises:
            ModelError: The model's input is no image, or the arguments do not fit it.
        """
        self._arguments = arguments
        spec = inputs.only("images")
        self._name = spec.name
        self._planar = _is_planar(spec, arguments)
        self._color = _color_of(spec, arguments, self._planar)
        self._size = _size_of(spec, arguments, self._planar)
        self._dtype = number_type(spec, "float32", "an image")
        self._table = _table_of(arguments, self._dtype, _CHANNELS[self._color])
        self._most_pixels = self._most_pixels_of(arguments)

    def read(self, message: GrpsMessage) -> Read:
        """Decode the images of a request; see ``Reader.read``."""
        files = files_of(message, "image", self._arguments.max_images)
        images = [self._open(file) for file in files]
        total = sum(image.width * image.height for image in images)
        if total > self._most_pixels:
            raise InputError(
                f"the images of the request have {total} pixels together; at most "
                f"{self._most_pixels} are allowed (max_request_pixels); send fewer at once"
            )
        return Read([self._normalise(self._fit(self._decode(one))) for one in images], len(files))

    def join(self, items: list[Any]) -> Arrays:
        """Stack images; see ``Reader.join``."""
        if len({item.shape for item in items}) > 1:
            raise InputError(
                "the images differ in size and the model takes any size; send them one by one, "
                "or set converter_args: size"
            )
        return {self._name: np.stack(items)}

    def _most_pixels_of(self, arguments: ImageArguments) -> int:
        """Return the most pixels of a request; images that keep their size stay in memory."""
        most = arguments.max_request_pixels or _IMAGES_AT_FULL_SIZE * arguments.max_pixels
        if self._size is not None:
            return most
        # An image, its numbers, and all numbers once more where they are joined.
        pixel_bytes = _CHANNELS[self._color] * (1 + 2 * self._dtype.itemsize)
        return min(most, memory_limit() // _MEMORY_SHARE // pixel_bytes)

    def _open(self, file: bytes) -> Image.Image:
        """Read the head of a file; its pixels are not decoded yet."""
        try:
            image = Image.open(io.BytesIO(file), formats=FORMATS)
        except UnidentifiedImageError as error:
            raise InputError(f"the file is no image of {', '.join(FORMATS)}") from error
        except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
            raise InputError(f"the image can't be read: {error}") from error
        width, height = image.size
        if width * height > self._arguments.max_pixels:
            raise InputError(
                f"the image has {width} x {height} pixels; at most {self._arguments.max_pixels} "
                "are allowed"
            )
        return image

    def _decode(self, image: Image.Image) -> Image.Image:
        if self._arguments.reduced_decode and self._size is not None:
            image.draft(_MODES[self._color], (2 * self._size[1], 2 * self._size[0]))
        try:
            image.load()
            if self._arguments.exif_orientation:
                image = ImageOps.exif_transpose(image)
            return _flat(_eight_bits(image)).convert(_MODES[self._color])
        except Exception as error:
            # Decoders raise whatever their format makes of damaged bytes.
            raise InputError(f"the image can't be decoded: {error}") from error

    def _fit(self, image: Image.Image) -> Image.Image:
        if self._size is None:
            return image
        height, width = self._size
        resample = _FILTERS[self._arguments.interpolation]
        if self._arguments.fit == "stretch":
            return image.resize((width, height), resample)
        if self._arguments.fit == "pad":
            return _pad(image, (width, height), resample, self._arguments.pad_value)
        return _crop(image, (width, height), resample, self._arguments.crop_fraction)

    def _normalise(self, image: Image.Image) -> np.ndarray:
        pixels = np.asarray(image)
        if pixels.ndim == 2:
            pixels = pixels[:, :, None]
        if self._color == "bgr":
            pixels = pixels[:, :, ::-1]
        channels = [self._table[index][pixels[:, :, index]] for index in range(pixels.shape[2])]
        return np.stack(channels, axis=0 if self._planar else -1)

    def example(self) -> GrpsMessage:
        """Return a request of one black image."""
        height, width = self._size or (_EXAMPLE_SIDE, _EXAMPLE_SIDE)
        file = io.BytesIO()
        Image.new("L", (width, height)).save(file, "PNG")
        return GrpsMessage(bin_data=file.getvalue())

    @property
    def filled(self) -> dict[str, str]:
        """What goes into the input, in words."""
        height, width = self._size or ("any height", "any width")
        order = "channels, height, width" if self._planar else "height, width, channels"
        return {self._name: f"images, {self._color}, {height} x {width}, in the order {order}"}


def _is_planar(spec: TensorSpec, arguments: ImageArguments) -> bool:
    """Return whether the channels are a dimension before height and width."""
    shape = spec.shape
    if shape is not None and len(shape) != _RANK:
        raise ModelError(
            f"the input {spec.name} has {len(shape)} dimensions; an image's has 4: the batch, the "
            "channels, height and width"
        )
    if arguments.layout is not None or shape is None:
        return arguments.layout != "nhwc"
    return shape[1] in (1, 3) or shape[3] not in (1, 3)


def _color_of(
    spec: TensorSpec, arguments: ImageArguments, planar: bool
) -> Literal["rgb", "bgr", "gray"]:
    channels = spec.shape[1 if planar else 3] if spec.shape is not None else None
    color = arguments.color or ("gray" if channels == 1 else "rgb")
    if channels is not None and channels != _CHANNELS[color]:
        raise ModelError(
            f"the input {spec.name} has {channels} channels, an image of color {color} has "
            f"{_CHANNELS[color]}; set converter_args: color or layout"
        )
    return color


def _size_of(spec: TensorSpec, arguments: ImageArguments, planar: bool) -> tuple[int, int] | None:
    given = arguments.size
    asked = (given, given) if isinstance(given, int) else given
    if asked is not None and not all(1 <= side <= MAX_SIDE for side in asked):
        raise ModelError(f"converter_args: size: {given}: a side has 1 to {MAX_SIDE} pixels")
    if spec.shape is None:
        return asked
    wanted = spec.shape[2:4] if planar else spec.shape[1:3]
    if asked is not None:
        for have, want in zip(asked, wanted, strict=True):
            if want is not None and have != want:
                raise ModelError(
                    f"converter_args: size {list(asked)} does not fit the input {spec.name}, "
                    f"whose height and width are {list(wanted)}"
                )
        return asked
    height, width = wanted
    return None if height is None or width is None else (height, width)


def _table_of(arguments: ImageArguments, dtype: np.dtype, channels: int) -> np.ndarray:
    """Return what each value of each channel becomes: (value x scale - mean) / std."""
    floats = dtype.kind == "f"
    values = np.arange(256, dtype=np.float32)
    if arguments.scale is not None:
        values *= np.float32(arguments.scale)
    elif floats:
        values /= np.float32(255)  # a product with 1/255 would differ in the last bit
    mean = _per_channel("mean", arguments.mean or (0.0,), channels)
    std = _per_channel("std", arguments.std or (1.0,), channels)
    if not std.all():
        raise ModelError("converter_args: std: a channel can't be divided by 0")
    table = (values[None, :] - mean[:, None]) / std[:, None]
    if not floats:
        table = table.round().clip(np.iinfo(dtype).min, np.iinfo(dtype).max)
    return table.astype(dtype)


def _per_channel(key: str, values: tuple[float, ...], channels: int) -> np.ndarray:
    if len(values) not in (1, channels):
        raise ModelError(f"converter_args: {key}: expected 1 or {channels} numbers")
    return np.broadcast_to(np.asarray(values, np.float32), (channels,))


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring gray values of 16 bits into 8, which Pillow would cut off instead."""
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.uint32).clip(0, _MOST_16_BIT)
    return Image.fromarray(((values * 255 + _MOST_16_BIT // 2) // _MOST_16_BIT).astype(np.uint8))


def _flat(image: Image.Image) -> Image.Image:
    """Lay what is transparent over black, as it would else show colours that are invisible."""
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image
    image = image.convert("RGBA")
    ground = Image.new("RGBA", image.size, (0, 0, 0, 255))
    return Image.alpha_composite(ground, image)


def _crop(
    image: Image.Image, size: tuple[int, int], resample: Image.Resampling, fraction: float
) -> Image.Image:
    """Return the middle of an image after its shorter side was brought to the size.

    The arithmetic is that of torchvision's ``Resize`` and ``CenterCrop``, so that a model sees
    what it was trained on.
    """
    width, height = size
    wide, high = round(width / fraction), round(height / fraction)
    if wide * image.height >= high * image.width:
        scaled = (wide, max(high, int(wide * image.height / image.width)))
    else:
        scaled = (max(wide, int(high * image.width / image.height)), high)
    if scaled[0] * scaled[1] > _MOST_STRETCHED * wide * high:
        raise InputError(
            f"the image has {image.width} x {image.height} pixels, which is too narrow to be "
            f"cropped to {width} x {height}"
        )
    image = image.resize(scaled, resample)
    left, top = round((image.width - width) / 2), round((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def _pad(
    image: Image.Image, size: tuple[int, int], resample: Image.Resampling, value: int
) -> Image.Image:
    """Return an image with a border where its shape is another."""
    width, height = size
    factor = min(width / image.width, height / image.height)
    scaled = (
        min(width, max(1, round(image.width * factor))),
        min(height, max(1, round(image.height * factor))),
    )
    canvas = Image.new(image.mode, size, value if image.mode == "L" else (value,) * 3)
    left, top = (width - scaled[0]) // 2, (height - scaled[1]) // 2
    canvas.paste(image.resize(scaled, resample), (left, top))
    return canvas


ARGUMENTS = ImageArguments


def create_reader(path: str | None, arguments: ImageArguments, inputs: ModelInputs) -> ImageReader:
    """Return the reader of images for a model; see ``ImageReader``."""
    del path  # there is no file to read
    return ImageReader(arguments, inputs)
