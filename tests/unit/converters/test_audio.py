"""Sound files to tensors."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from grps.backends.backend import TensorSpec
from grps.errors import InputError, ModelError
from grps.protocol.pb.grps_pb2 import GrpsMessage
from tests.unit.converters.support import before, binary, converter, signature

FREE = signature(TensorSpec("x", "float32", (None, None)))


def tone(samples: int, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    times = np.arange(samples) / rate
    parts = [np.sin(2 * np.pi * 440 * (index + 1) * times) for index in range(channels)]
    return (0.5 * np.stack(parts, axis=1)).astype(np.float32)


def encode(samples: np.ndarray, rate: int = 16_000, form: str = "WAV", **options: Any) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=form, **options)
    return buffer.getvalue()


def heard(body: bytes, found: Any = FREE, **arguments: Any) -> np.ndarray:
    made = converter("audio", found, **{"sample_rate": 16_000, **arguments})
    return before(made, binary(body))["x"]


def test_samples_come_as_they_are() -> None:
    sound = tone(1000)
    found = heard(encode(sound, subtype="FLOAT"))
    assert (found.dtype.name, found.shape) == ("float32", (1, 1000))
    np.testing.assert_array_equal(found[0], sound[:, 0])
    whole = heard(encode(sound, subtype="PCM_16"), scale=32768)
    np.testing.assert_allclose(whole[0], sound[:, 0] * 32768, atol=1)


def test_channels_are_averaged_and_rates_brought_together() -> None:
    sound = tone(4410, 44_100, 2)
    found = heard(encode(sound, 44_100, subtype="FLOAT"))
    expected = soxr.resample(sound.mean(axis=1), 44_100, 16_000, "HQ")
    assert found.shape == (1, 1600)
    np.testing.assert_array_equal(found[0], expected)
    quick = heard(encode(sound, 44_100, subtype="FLOAT"), resampling="quick")
    assert (quick != found).any()


@pytest.mark.parametrize("form", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_every_format(form: str) -> None:
    found = heard(encode(tone(16_000), form=form))
    assert abs(found.shape[1] - 16_000) < 2500
    assert 0.2 < np.abs(found[0, 4000:12_000]).max() < 0.7


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((None,), (1000,)),
        ((None, None), (1, 1000)),
        ((1, None), (1, 1000)),
        ((None, 1, None), (1, 1, 1000)),
        ((None, None, 1), (1, 1000, 1)),
        ((None, 400), (3, 400)),
        ((None, 400, 1), (3, 400, 1)),
        ((None, 1, 400), (3, 1, 400)),
        (None, (1, 1000)),
    ],
)
def test_shapes_are_the_models(shape: Any, expected: tuple[int, ...]) -> None:
    found = heard(encode(tone(1000)), signature(TensorSpec("x", "float32", shape)))
    assert found.shape == expected


def test_windows_are_rows_and_the_last_is_filled_up() -> None:
    sound = tone(1000)
    body = encode(sound, subtype="FLOAT")
    rows = heard(body, window_samples=400)
    assert rows.shape == (3, 400)
    np.testing.assert_array_equal(rows.ravel()[:1000], sound[:, 0])
    assert not rows[2, 200:].any()
    rows = heard(body, window_samples=400, hop_samples=300)
    assert rows.shape == (3, 400)
    np.testing.assert_array_equal(rows[1], sound[300:700, 0])
    assert heard(body, window_samples=1000).shape == (1, 1000)
    assert heard(body, window_samples=1001).shape == (1, 1001)
    assert heard(body, window_samples=999, hop_samples=5000).shape == (2, 999)


def test_several_files_of_one_request_and_of_several() -> None:
    made = converter("audio", FREE, sample_rate=16_000)
    files = [encode(tone(500), subtype="FLOAT"), encode(tone(900), subtype="FLOAT")]
    message = GrpsMessage()
    message.gmap.s_b["a"], message.gmap.s_b["b"] = files
    found = before(made, message, GrpsMessage(str_data=base64.b64encode(files[0]).decode()))["x"]
    assert found.shape == (3, 900)
    np.testing.assert_array_equal(found[0], found[2])
    assert not found[0, 500:].any()
    alone = converter("audio", signature(TensorSpec("x", "float32", (None,))), sample_rate=16_000)
    with pytest.raises(InputError, match="takes one file, without a batch"):
        before(alone, message)


def test_the_cap_of_duration() -> None:
    assert heard(encode(tone(16_000)), max_seconds=1).shape == (1, 16_000)
    with pytest.raises(InputError, match=r"lasts 1\.0 s; at most 1 s are allowed"):
        heard(encode(tone(16_001)), max_seconds=1)


def test_the_cap_of_samples_counts_all_channels() -> None:
    assert heard(encode(tone(50, channels=2)), max_samples=100).shape == (1, 50)
    with pytest.raises(InputError, match="has 102 samples; at most 100 are allowed"):
        heard(encode(tone(51, channels=2)), max_samples=100)


def test_a_small_file_of_much_silence_is_refused() -> None:
    silence = encode(np.zeros((2_000_000, 8), np.float32), 655_350, "FLAC")
    assert len(silence) < 100_000
    with pytest.raises(InputError, match="has 16000000 samples"):
        heard(silence, max_samples=10_000_000)


def test_the_caps_of_channels_and_files() -> None:
    assert heard(encode(tone(50, channels=2)), max_channels=2).shape == (1, 50)
    with pytest.raises(InputError, match="has 3 channels; at most 2 are allowed"):
        heard(encode(tone(50, channels=3)), max_channels=2)
    message = GrpsMessage()
    message.gmap.s_b["a"] = message.gmap.s_b["b"] = encode(tone(50))
    made = converter("audio", FREE, sample_rate=16_000, max_files=1)
    with pytest.raises(InputError, match="has 2 audio files; at most 1"):
        before(made, message)


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        (binary(b"not a sound"), "the audio can't be decoded: .*Format not recognised"),
        (binary(encode(np.zeros((0, 1), np.float32))), "the audio has no samples"),
        (binary(b""), "audio 1 of 1 is empty"),
        (GrpsMessage(str_data="?"), "is not the base64 of one audio file"),
        (GrpsMessage(), "the model takes audio files"),
    ],
)
def test_bad_requests_are_refused(message: GrpsMessage, cause: str) -> None:
    with pytest.raises(InputError, match=cause) as refused:
        before(converter("audio", FREE, sample_rate=16_000), message)
    assert "BytesIO" not in str(refused.value)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_damaged_bytes_are_refused_or_decoded(data: st.DataObject) -> None:
    form = data.draw(st.sampled_from(["WAV", "FLAC", "OGG", "MP3", "AIFF"]))
    body = bytearray(encode(tone(300), form=form))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = heard(bytes(body[: data.draw(st.integers(0, len(body)))]), max_seconds=5)
    except InputError as error:
        assert str(error)
    else:
        assert found.shape[0] == 1


@pytest.mark.parametrize(
    ("spec", "arguments", "cause"),
    [
        (TensorSpec("x", "float32", (None, 2, 3, 1)), {}, "has 4 dimensions; sound has 1 to 3"),
        (TensorSpec("x", "float32", (None, 2, None)), {}, "more than one channel"),
        (TensorSpec("x", "string", (None, None)), {}, "takes strings, which sound can't be"),
        (TensorSpec("x", "float32", (None, 9)), {"window_samples": 8}, "does not fit the input x"),
        (TensorSpec("x"), {"hop_samples": 8}, "hop_samples needs window_samples"),
        (TensorSpec("x"), {"sample_rate": None}, "missing required field `sample_rate`"),
        (TensorSpec("x"), {"sample_rate": 99}, "converter_args: sample_rate"),
        (TensorSpec("x"), {"max_seconds": 0}, "converter_args: max_seconds"),
    ],
)
def test_bad_arguments_are_refused(spec: TensorSpec, arguments: Any, cause: str) -> None:
    with pytest.raises(ModelError, match=cause):
        converter("audio", signature(spec), **{"sample_rate": 16_000, **arguments})
