"""Reading of WAV files within limits."""

import io
import wave

import numpy as np

from grps.errors import InputError

RATE = 16_000
"""Samples per second that the model was made for."""
MOST_SECONDS = 600
RATES = range(8_000, 96_001)


def read(data: bytes) -> np.ndarray:
    """Return a recording as float32 samples from -1 to 1, one channel, ``RATE`` per second.

    Raises:
        InputError: It is no WAV file of 16-bit samples, or too long.
    """
    if not data:
        raise InputError("send a WAV file as the body, or as bytes 'wav' of a gmap")
    try:
        with wave.open(io.BytesIO(data)) as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            frames = file.getnframes()
            if width != 2 or rate not in RATES:
                raise InputError(
                    f"the recording has {8 * width}-bit samples at {rate} Hz; send 16-bit samples "
                    f"at {RATES.start} to {RATES.stop - 1} Hz"
                )
            if frames > MOST_SECONDS * rate:
                raise InputError(f"the recording is longer than {MOST_SECONDS} s; cut it")
            content = file.readframes(frames)
    except (wave.Error, EOFError) as error:
        raise InputError(f"this is not a WAV file of PCM samples: {error}") from error
    content = content[: len(content) // (2 * channels) * 2 * channels]
    samples = np.frombuffer(content, "<i2").reshape(-1, channels).mean(axis=1) / 32768
    return resample(samples, rate)


def resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """Bring samples to ``RATE`` by linear interpolation."""
    if rate != RATE and len(samples):
        times = np.arange(int(len(samples) * RATE / rate)) / RATE
        samples = np.interp(times, np.arange(len(samples)) / rate, samples)
    return np.asarray(samples, np.float32)
