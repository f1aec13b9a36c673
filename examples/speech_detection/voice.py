"""Make a recording to try: a second of silence, two of a made-up voice, another of silence.

The voice is a pulse train, 120 a second, through the resonances of five vowels in turn.
"""

import math
import sys
import wave
from array import array
from pathlib import Path

RATE = 16_000
VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (570, 840, 2410),
    (300, 870, 2240),
    (530, 1840, 2480),
)
"""Resonances in Hz of the vowels in hod, heed, hawed, who'd and head."""
WIDTHS = (80, 100, 140)
VOWEL_S = 0.2


def voice(seconds: float) -> list[float]:
    """Return samples of a voice, from -1 to 1."""
    phase, samples = 0.0, []
    memory = [[0.0, 0.0] for _ in WIDTHS]
    for index in range(int(seconds * RATE)):
        now = index / RATE
        phase += 120 * (1 + 0.1 * math.sin(2 * math.pi * 2.3 * now)) / RATE
        sample, phase = float(phase >= 1), phase % 1
        for kept, hertz, width in zip(memory, VOWELS[int(now / VOWEL_S) % 5], WIDTHS, strict=True):
            radius = math.exp(-math.pi * width / RATE)
            turn = 2 * radius * math.cos(2 * math.pi * hertz / RATE)
            sample = (1 - radius) * sample + turn * kept[0] - radius**2 * kept[1]
            kept[:] = [sample, kept[0]]
        samples.append(sample * abs(math.sin(math.pi * now / VOWEL_S)) ** 0.3)
    loudest = max(map(abs, samples))
    return [sample / loudest for sample in samples]


def recording() -> bytes:
    """Return the samples of the recording, 16-bit."""
    silence = [0.0] * RATE
    samples = [*silence, *voice(2), *silence]
    return array("h", [int(16_000 * sample) for sample in samples]).tobytes()


def write(path: Path) -> None:
    """Write the recording as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(recording())


if __name__ == "__main__":
    write(Path(sys.argv[1]))
