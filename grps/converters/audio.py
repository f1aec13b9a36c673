"""Sound files to tensors: decoded, one channel, the model's sample rate, cut into windows."""

from __future__ import annotations

import io
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import soundfile
import soxr

from grps.backends.backend import TensorSpec
from grps.converters.common.model_inputs import ModelInputs, number_type
from grps.converters.common.raw_files import files_of
from grps.converters.common.reader import Arrays, Read
from grps.errors import InputError, ModelError
from grps.protocol.pb.grps_pb2 import GrpsMessage

Positive = Annotated[int, msgspec.Meta(ge=1)]
_RANKS = (1, 2, 3)


class AudioArguments(msgspec.Struct, frozen=True, kw_only=True):
    """``converter_args`` of ``converter_type: audio``."""

    sample_rate: Annotated[int, msgspec.Meta(ge=100, le=768_000)]
    """Samples a second that the model works on; files of another rate are resampled."""
    window_samples: Positive | None = None
    """Length of a row; a longer file becomes several, the last filled up with silence. What the
    model's input says when absent, else a row is as long as its file."""
    hop_samples: Positive | None = None
    """From the start of a row to that of the next; ``window_samples`` when absent."""
    scale: float = 1.0
    """What samples, from -1 to 1, are multiplied by."""
    resampling: Literal["quick", "medium", "high"] = "high"
    """How well files of another rate are resampled."""
    max_seconds: Annotated[float, msgspec.Meta(gt=0)] = 600.0
    """Longest file; a longer one is refused before it is decoded."""
    max_samples: Positive = 100_000_000
    """Most samples of a file, those of all channels counted; silence is small until decoded."""
    max_channels: Positive = 32
    """Most channels of a file; they are averaged into one."""
    max_files: Positive = 16
    """Most files of one request."""


_QUALITIES = {"quick": "LQ", "medium": "MQ", "high": "HQ"}


class _Bytes(io.BytesIO):
    """A file in memory; the decoder may ask for places before its start, in damaged files."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place; stay where it is when there is no such place."""
        try:
            return super().seek(offset, whence)
        except ValueError:
            return self.tell()


class AudioReader:
    """Makes one input of sound files."""

    def __init__(self, arguments: AudioArguments, inputs: ModelInputs) -> None:
        """Read files for the input that ``inputs`` leaves to fill.

        Raises:
            ModelError: The model's input is no sound, or the arguments do not fit it.
        """
        self._arguments = arguments
        spec = inputs.only("sound")
        self._name = spec.name
        self._dtype = number_type(spec, "float32", "sound")
        self._window = _window_of(spec, arguments)
        self._shape = _row_shape(spec)

    @property
    def filled(self) -> dict[str, str]:
        """What goes into the input, in words."""
        length = "whole files" if self._window is None else f"windows of {self._window} samples"
        return {self._name: f"sound of {self._arguments.sample_rate} samples a second, {length}"}

    def example(self) -> GrpsMessage:
        """Return a request of silence."""
        samples = np.zeros(self._window or self._arguments.sample_rate, np.float32)
        file = io.BytesIO()
        soundfile.write(file, samples, self._arguments.sample_rate, format="WAV")
        return GrpsMessage(bin_data=file.getvalue())

    def read(self, message: GrpsMessage) -> Read:
        """Decode the files of a request; see ``Reader.read``."""
        files = files_of(message, "audio", self._arguments.max_files)
        rows = [row for file in files for row in self._windows(self._decode(file))]
        return Read(rows, len(rows))

    def join(self, items: list[Any]) -> Arrays:
        """Stack rows, the shorter filled up with silence; see ``Reader.join``."""
        longest = self._window or max(len(item) for item in items)
        joined = np.zeros((len(items), longest), self._dtype)
        for row, item in zip(joined, items, strict=True):
            row[: len(item)] = item
        if self._shape is None:
            if len(items) > 1:
                raise InputError("the model takes one file, without a batch; send one at a time")
            return {self._name: joined[0]}
        shape = tuple(longest if size is None else size for size in self._shape)
        return {self._name: joined.reshape(len(items), *shape)}

    def _decode(self, file: bytes) -> np.ndarray:
        """Return the samples of one channel at the model's rate."""
        most = self._arguments.max_seconds
        try:
            with soundfile.SoundFile(_Bytes(file)) as sound:
                if sound.channels > self._arguments.max_channels:
                    raise InputError(
                        f"the audio has {sound.channels} channels; at most "
                        f"{self._arguments.max_channels} are allowed"
                    )
                # What the header says of the length may be wrong: no more than this is decoded.
                allowed = int(most * sound.samplerate)
                if sound.frames > allowed:
                    raise InputError(
                        f"the audio lasts {sound.frames / sound.samplerate:.1f} s; at most "
                        f"{most:g} s are allowed"
                    )
                count = sound.frames * sound.channels
                if count > self._arguments.max_samples:
                    raise InputError(
                        f"the audio has {count} samples; at most {self._arguments.max_samples} "
                        "are allowed"
                    )
                samples = sound.read(allowed, dtype="float32", always_2d=True)
                rate = sound.samplerate
        except soundfile.SoundFileError as error:
            cause = getattr(error, "error_string", str(error))
            raise InputError(f"the audio can't be decoded: {cause}") from error
        if len(samples) == 0:
            raise InputError("the audio has no samples")
        mono = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
        if rate != self._arguments.sample_rate:
            quality = _QUALITIES[self._arguments.resampling]
            mono = soxr.resample(mono, rate, self._arguments.sample_rate, quality)
        if self._arguments.scale != 1.0:
            mono = mono * np.float32(self._arguments.scale)
        return mono

    def _windows(self, samples: np.ndarray) -> list[np.ndarray]:
        length = self._window
        if length is None:
            return [samples]
        hop = self._arguments.hop_samples or length
        count = 1 + max(0, -(-(len(samples) - length) // hop))
        return [samples[start * hop : start * hop + length] for start in range(count)]


def _window_of(spec: TensorSpec, arguments: AudioArguments) -> int | None:
    fixed = None
    if spec.shape is not None:
        sizes = [size for size in spec.shape[1:] if size != 1] or [None]
        fixed = sizes[0]
    asked = arguments.window_samples
    if asked is not None and fixed is not None and asked != fixed:
        raise ModelError(
            f"converter_args: window_samples {asked} does not fit the input {spec.name}, which "
            f"takes {fixed} samples"
        )
    if arguments.hop_samples is not None and asked is None and fixed is None:
        raise ModelError("converter_args: hop_samples needs window_samples")
    return asked or fixed


def _row_shape(spec: TensorSpec) -> tuple[int | None, ...] | None:
    """Return the shape of one row, its samples as ``None``; ``None`` for no dimension of rows."""
    if spec.shape is None:
        return (None,)
    if len(spec.shape) not in _RANKS:
        raise ModelError(
            f"the input {spec.name} has {len(spec.shape)} dimensions; sound has 1 to 3: the batch, "
            "the samples, and one of size 1"
        )
    if len(spec.shape) == 1:
        return None
    row = spec.shape[1:]
    if len(row) == 1:
        return (None,)
    if 1 not in row:
        raise ModelError(f"the input {spec.name} has more than one channel; sound is made one")
    return (1, None) if row[0] == 1 else (None, 1)


ARGUMENTS = AudioArguments


def create_reader(path: str | None, arguments: AudioArguments, inputs: ModelInputs) -> AudioReader:
    """Return the reader of sound files for a model; see ``AudioReader``."""
    del path  # there is no file to read
    return AudioReader(arguments, inputs)
