"""Images to tensors."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from grps.backends.backend import TensorSpec
from grps.errors import InputError, ModelError
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.models import CAT
from tests.unit.converters.support import before, binary, converter, signature

PLANAR = signature(TensorSpec("x", "float32", (None, 3, 224, 224)))
ANY_SIZE = signature(TensorSpec("x", "float32", (None, 3, None, None)))
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def encode(image: Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pattern(width: int, height: int, mode: str = "RGB") -> Image.Image:
    rows = np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(rows).convert(mode)


def by_hand(image: Image.Image) -> np.ndarray:
    """What is taught everywhere for ImageNet: resize to 256, crop 224, normalise."""
    short = min(image.size)
    size = (int(256 * image.width / short), int(256 * image.height / short))
    image = image.resize(size, Image.Resampling.BICUBIC)
    left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    image = image.crop((left, top, left + 224, top + 224))
    values = np.asarray(image, np.float32) / np.float32(255)
    return ((values - np.array(MEAN, np.float32)) / np.array(STD, np.float32)).transpose(2, 0, 1)[
        None
    ]


@pytest.mark.parametrize("size", [(451, 300), (300, 451), (224, 224), (100, 90), (3000, 200)])
def test_the_usual_preprocessing_bit_by_bit(size: tuple[int, int]) -> None:
    image = Image.open(CAT).resize(size)
    made = converter(
        "image", PLANAR, mean=MEAN, std=STD, crop_fraction=0.875, interpolation="bicubic"
    )
    found = before(made, binary(encode(image)))["x"]
    assert (found.dtype.name, found.shape) == ("float32", (1, 3, 224, 224))
    np.testing.assert_array_equal(found, by_hand(image))


def test_layout_color_and_type_are_the_models() -> None:
    image = pattern(8, 6)
    pixels = np.asarray(image)
    raw = signature(TensorSpec("x", "uint8", (None, 6, 8, 3)))
    found = before(converter("image", raw), binary(encode(image)))["x"]
    np.testing.assert_array_equal(found, pixels[None])
    swapped = before(converter("image", raw, color="bgr"), binary(encode(image)))["x"]
    np.testing.assert_array_equal(swapped, pixels[None, :, :, ::-1])
    gray = signature(TensorSpec("x", "float32", (None, 1, 6, 8)))
    found = before(converter("image", gray, scale=1), binary(encode(image)))["x"]
    np.testing.assert_array_equal(found, np.asarray(image.convert("L"), np.float32)[None, None])
    half = signature(TensorSpec("x", "float16", (None, 3, 6, 8)))
    found = before(converter("image", half), binary(encode(image)))["x"]
    assert found.dtype == np.float16
    signed = signature(TensorSpec("x", "int8", (None, 6, 8, 3)))
    found = before(converter("image", signed, mean=[128]), binary(encode(image)))["x"]
    np.testing.assert_array_equal(found[0], pixels.astype(np.int16) - 128)


def test_fits() -> None:
    image = Image.new("RGB", (20, 10), (0, 0, 0))
    image.paste((255, 255, 255), (5, 0, 15, 10))
    small = signature(TensorSpec("x", "uint8", (None, 10, 10, 3)))

    def rows(fit: str, **more: Any) -> np.ndarray:
        made = converter("image", small, fit=fit, **more)
        return before(made, binary(encode(image)))["x"][0, :, :, 0]

    assert (rows("crop") == 255).all()
    stretched = rows("stretch")
    assert not stretched[:, [0, -1]].any()
    assert (stretched[:, 4:6] == 255).all()
    padded = rows("pad", pad_value=7)
    assert (padded[:2] == 7).all()
    assert (padded[-2:] == 7).all()
    assert (padded[4:6, 4:6] == 255).all()
    assert not padded[4:6, [0, -1]].any()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_becomes_three_channels(mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    image = pattern(9, 9, "L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image, np.uint16) * 257)
    made = converter("image", signature(TensorSpec("x", "uint8", (None, 9, 9, 3))))
    found = before(made, binary(encode(image, form)))["x"]
    assert found.shape == (1, 9, 9, 3)
    if mode in ("L", "I;16"):
        expected = np.asarray(pattern(9, 9, "L"))
        np.testing.assert_array_equal(found[0, :, :, 1], expected)


def test_what_is_transparent_is_black() -> None:
    image = Image.new("RGBA", (4, 4), (250, 0, 0, 0))
    made = converter("image", signature(TensorSpec("x", "uint8", (None, 4, 4, 3))))
    assert not before(made, binary(encode(image)))["x"].any()


def test_photographs_are_turned_upright() -> None:
    image = Image.new("RGB", (8, 4))
    image.paste((255, 255, 255), (0, 0, 4, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held sideways
    body = encode(image, "JPEG", exif=exif, quality=95)
    upright = before(converter("image", ANY_SIZE), binary(body))["x"]
    assert upright.shape == (1, 3, 8, 4)
    assert upright[0, 0, 0].mean() > 0.9
    assert upright[0, 0, -1].mean() < 0.1
    lying = before(converter("image", ANY_SIZE, exif_orientation=False), binary(body))["x"]
    assert lying.shape == (1, 3, 4, 8)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_every_format(form: str) -> None:
    found = before(converter("image", ANY_SIZE), binary(encode(pattern(5, 4), form)))["x"]
    assert found.shape == (1, 3, 4, 5)


def test_a_reduced_decode_is_near_the_whole_one() -> None:
    body = encode(Image.open(CAT).resize((2000, 1500)), "JPEG", quality=95)
    small = signature(TensorSpec("x", "float32", (None, 3, 64, 64)))
    whole = before(converter("image", small), binary(body))["x"]
    quick = before(converter("image", small, reduced_decode=True), binary(body))["x"]
    assert np.abs(whole - quick).mean() < 0.02
    assert (whole != quick).any()


def test_several_images_of_one_request_and_of_several() -> None:
    files = [encode(pattern(8, 8)), encode(pattern(8, 8).rotate(90))]
    made = converter("image", ANY_SIZE)
    alone = [before(made, binary(file))["x"] for file in files]
    message = GrpsMessage()
    message.gmap.s_b["b"], message.gmap.s_b["a"] = files[1], files[0]
    np.testing.assert_array_equal(before(made, message)["x"], np.concatenate(alone))
    joined = before(made, binary(files[0]), message)["x"]
    np.testing.assert_array_equal(joined, np.concatenate([alone[0], *alone]))
    text = base64.b64encode(files[0]).decode()
    for data in (text, f"data:image/png;base64,{text}"):
        np.testing.assert_array_equal(before(made, GrpsMessage(str_data=data))["x"], alone[0])
    with pytest.raises(InputError, match="the images differ in size"):
        before(made, binary(files[0]), binary(encode(pattern(9, 8))))


def test_the_cap_of_images() -> None:
    made = converter("image", ANY_SIZE, max_images=2)
    message = GrpsMessage()
    for name in "ab":
        message.gmap.s_b[name] = encode(pattern(3, 3))
    assert before(made, message)["x"].shape[0] == 2
    message.gmap.s_b["c"] = encode(pattern(3, 3))
    with pytest.raises(InputError, match="has 3 image files; at most 2 are allowed"):
        before(made, message)


def test_the_cap_of_pixels() -> None:
    made = converter("image", ANY_SIZE, max_pixels=100)
    assert before(made, binary(encode(pattern(10, 10))))["x"].shape == (1, 3, 10, 10)
    with pytest.raises(InputError, match="101 x 1 pixels; at most 100 are allowed"):
        before(made, binary(encode(pattern(101, 1))))


def several(*sizes: tuple[int, int]) -> GrpsMessage:
    message = GrpsMessage()
    for index, size in enumerate(sizes):
        message.gmap.s_b[str(index)] = encode(pattern(*size))
    return message


def test_the_cap_of_pixels_of_all_images() -> None:
    made = converter("image", ANY_SIZE, max_pixels=25)
    assert before(made, several(*[(5, 5)] * 4))["x"].shape == (4, 3, 5, 5)
    refusal = r"have 105 pixels together; at most 100 are allowed \(max_request_pixels\)"
    with pytest.raises(InputError, match=refusal):
        before(made, several(*[(7, 3)] * 5))
    made = converter("image", ANY_SIZE, max_request_pixels=10, size=2)
    assert before(made, several((5, 1), (1, 5)))["x"].shape == (2, 3, 2, 2)
    with pytest.raises(InputError, match="11 pixels together; at most 10"):
        before(made, several((5, 1), (2, 3)))


def test_images_of_any_size_fit_into_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grps.converters.image.memory_limit", lambda: 2 * 27 * 50)
    assert before(converter("image", ANY_SIZE), several((5, 5), (5, 5)))["x"].shape[0] == 2
    with pytest.raises(InputError, match="75 pixels together; at most 50 are allowed"):
        before(converter("image", ANY_SIZE), several(*[(5, 5)] * 3))
    kept = converter("image", ANY_SIZE, size=2)
    assert before(kept, several(*[(5, 5)] * 3))["x"].shape == (3, 3, 2, 2)


def bomb(width: int, height: int) -> bytes:
    """A tiny PNG file whose header promises a large image."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"\0" * 1000)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", body), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("size", [(50_000, 50_000), (2**31 - 1, 2**31 - 1), (7072, 7072)])
def test_bombs_are_refused_before_they_are_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match=r"pixels"):
        before(converter("image", PLANAR), binary(bomb(*size)))


def test_long_and_narrow_images_do_not_blow_up() -> None:
    made = converter("image", PLANAR)
    assert before(made, binary(encode(pattern(64, 1))))["x"].shape == (1, 3, 224, 224)
    with pytest.raises(InputError, match="too narrow to be cropped to 224 x 224"):
        before(made, binary(encode(pattern(66, 1))))
    for fit in ("pad", "stretch"):
        found = before(converter("image", PLANAR, fit=fit), binary(encode(pattern(5000, 1))))
        assert found["x"].shape == (1, 3, 224, 224)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (binary(b"plain text"), "the file is no image of JPEG, PNG, WEBP, BMP, GIF"),
        (binary(b""), "image 1 of 1 is empty"),
        (binary(encode(pattern(90, 90))[:400]), "the image can't be"),
        (binary(encode(pattern(90, 90), "JPEG")[:400]), "the image can't be"),
        (GrpsMessage(str_data="not base64!"), "is not the base64 of one image file"),
        (GrpsMessage(), "the model takes image files"),
    ],
)
def test_bad_requests_are_refused(message: GrpsMessage, cause: str) -> None:
    with pytest.raises(InputError, match=cause):
        before(converter("image", PLANAR), message)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_decoded(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "GIF"]))
    body = bytearray(encode(pattern(13, 11), form))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    body = body[: data.draw(st.integers(0, len(body)))]
    made = converter("image", signature(TensorSpec("x", "float32", (None, 3, 8, 8))), fit="stretch")
    try:
        found = before(made, binary(bytes(body)))["x"]
    except InputError as error:
        assert str(error)
    else:
        assert found.shape == (1, 3, 8, 8)


@pytest.mark.parametrize(
    ("spec", "arguments", "cause"),
    [
        (TensorSpec("x", "float32", (None, 3)), {}, "2 dimensions; an image's has 4"),
        (TensorSpec("x", "float32", (None, 4, 8, 8)), {}, "has 8 channels|has 4 channels"),
        (TensorSpec("x", "float32", (None, 3, 8, 8)), {"size": 9}, "does not fit the input x"),
        (TensorSpec("x", "float32", (None, 3, 8, 8)), {"color": "gray"}, "has 3 channels"),
        (TensorSpec("x"), {"size": 0}, "a side has 1 to 16384 pixels"),
        (TensorSpec("x"), {"size": [1, 16385]}, "a side has 1 to 16384 pixels"),
        (TensorSpec("x"), {"size": "big"}, "converter_args: size"),
        (TensorSpec("x"), {"mean": [1, 2]}, "mean: expected 1 or 3 numbers"),
        (TensorSpec("x"), {"std": [0]}, "can't be divided by 0"),
        (TensorSpec("x"), {"fit": "squash"}, "converter_args: fit"),
        (TensorSpec("x"), {"fitt": "crop"}, "unknown key 'fitt'; did you mean fit?"),
        (TensorSpec("x"), {"crop_fraction": 0}, "converter_args: crop_fraction"),
    ],
)
def test_bad_arguments_are_refused(spec: TensorSpec, arguments: Any, cause: str) -> None:
    with pytest.raises(ModelError, match=cause):
        converter("image", signature(spec), **arguments)


def test_other_inputs_are_constants() -> None:
    two = signature(TensorSpec("x", "float32", (None, 3, 8, 8)), TensorSpec("size", "int64", (2,)))
    with pytest.raises(ModelError, match=r"the model needs: x, size; give .*such as {.size.: 0}"):
        converter("image", two)
    assert before(
        converter("image", two, constants={"size": [8, 8]}), binary(encode(pattern(8, 8)))
    )
    for constants, cause in (({"y": 1}, "no input 'y'"), ({"size": "big"}, "size is int64")):
        with pytest.raises(ModelError, match=cause):
            converter("image", two, constants=constants)
