"""The project's own test; ``grpst archive`` runs it."""

import io
import unittest
import wave
from typing import ClassVar

import voice

from grps import GrpsContext, GrpsTest
from grps.errors import InputError
from grps.protocol.pb.grps_pb2 import GrpsMessage


def wav(samples: bytes, rate: int = voice.RATE, width: int = 2, channels: int = 1) -> bytes:
    """A WAV file."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(width)
        out.setframerate(rate)
        out.writeframes(samples)
    return file.getvalue()


class SpeechTest(GrpsTest):
    """Recordings with and without speech, and what is none."""

    recording: ClassVar[bytes] = voice.recording()

    def stretches(self, message: GrpsMessage) -> list[float]:
        """Where speech begins and ends."""
        self.test_init()
        (tensor,) = self.executor.infer(message, GrpsContext()).gtensors.tensors
        self.assertEqual(list(tensor.shape), [len(tensor.flat_float32) // 2, 2])
        return list(tensor.flat_float32)

    def test_a_voice_is_found(self) -> None:
        """It speaks from 1 s to 3 s."""
        seconds = self.stretches(GrpsMessage(bin_data=wav(self.recording)))
        self.assertAlmostEqual(seconds[0], 1, delta=0.15)
        self.assertAlmostEqual(seconds[-1], 3, delta=0.3)

    def test_it_may_come_in_a_map_and_in_stereo(self) -> None:
        """The same answer by another way."""
        frames = [self.recording[at : at + 2] * 2 for at in range(0, len(self.recording), 2)]
        message = GrpsMessage()
        message.gmap.s_b["wav"] = wav(b"".join(frames), channels=2)
        alike = self.stretches(GrpsMessage(bin_data=wav(self.recording)))
        self.assertEqual(self.stretches(message), alike)

    def test_silence_has_none(self) -> None:
        """Nor has an empty recording."""
        for samples in (bytes(2 * voice.RATE), b""):
            self.assertEqual(self.stretches(GrpsMessage(bin_data=wav(samples))), [])

    def test_what_is_no_recording_is_refused(self) -> None:
        """Each with its cause."""
        long = wav(bytes(2 * 8_000 * 600 + 2), rate=8_000)
        for data, cause in (
            (b"", "send a WAV file"),
            (b"RIFF....", "not a WAV file"),
            (wav(b"\x00" * 100, width=1), "8-bit samples"),
            (wav(b"", rate=4_000), "at 4000 Hz"),
            (long, "longer than 600 s"),
        ):
            with self.assertRaisesRegex(InputError, cause):
                self.stretches(GrpsMessage(bin_data=data))


if __name__ == "__main__":
    unittest.main()
