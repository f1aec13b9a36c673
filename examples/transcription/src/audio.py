"""Turns a recording into the features that the network reads."""

import io
import wave

import numpy as np
import torch

RATE = 16_000
SECONDS = 30
"""The network reads so much, no more and no less."""
WINDOW, HOP, BANDS = 400, 160, 80


def samples_of(wav: bytes) -> np.ndarray:
    """Return the samples of a WAV file with 16 bits per sample, at 16 kHz.

    Raises:
        ValueError: It is none.
    """
    try:
        with wave.open(io.BytesIO(wav)) as file:
            rate, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            frames = file.readframes(file.getnframes())
    except (wave.Error, EOFError, RuntimeError) as error:
        raise ValueError(f"no WAV file: {str(error) or 'it is damaged'}") from error
    if width != 2:
        raise ValueError(f"the WAV file has {8 * width} bits per sample, not 16")
    whole = frames[: len(frames) // (width * channels) * width * channels]
    samples = np.frombuffer(whole, "<i2").reshape(-1, channels).mean(axis=1) / 32768
    return resampled(samples.astype(np.float32), rate)


def resampled(samples: np.ndarray, rate: int) -> np.ndarray:
    """Return samples at 16 kHz.

    Raises:
        ValueError: There are too many.
    """
    if len(samples) > rate * SECONDS:
        raise ValueError(f"{len(samples)} samples at {rate} Hz are more than {SECONDS} s")
    if rate == RATE or not len(samples):
        return samples
    size = (1, max(1, len(samples) * RATE // rate))
    image = torch.from_numpy(samples)[None, None, None]
    found = torch.nn.functional.interpolate(image, size, mode="bilinear", antialias=True)
    return found.ravel().numpy()


def features(samples: np.ndarray) -> torch.Tensor:
    """Return the logarithms of energies, ``[bands, times]``, of 30 s."""
    padded = torch.zeros(RATE * SECONDS)
    padded[: len(samples)] = torch.from_numpy(samples)
    spectrum = torch.stft(
        padded, WINDOW, HOP, window=torch.hann_window(WINDOW), return_complex=True
    )
    energies = FILTERS @ spectrum[:, :-1].abs() ** 2
    logarithms = energies.clamp(min=1e-10).log10()
    return (logarithms.maximum(logarithms.max() - 8) + 4) / 4


def mel_filters() -> torch.Tensor:
    """Return what each band takes of each frequency: triangles on Slaney's mel scale."""
    mels = np.linspace(0, 15 + np.log(RATE / 2 / 1000) / LOG_STEP, BANDS + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(LOG_STEP * (mels - 15)))[:, None]
    frequencies = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rise = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    triangles = np.maximum(0, np.minimum(rise, fall)) * 2 / (edges[2:] - edges[:-2])
    return torch.from_numpy(triangles.astype(np.float32))


LOG_STEP = np.log(6.4) / 27
"""Above 1000 Hz, the scale is logarithmic."""
FILTERS = mel_filters()
