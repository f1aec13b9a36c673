"""What a model that writes down what is said gets of a recording and the fields of a request."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from typing import Any

import numpy as np
import openai
import pytest
import requests

from tests.step_text_models import byte_tokenizer
from tests.support import GUARD_S, RunningServer, serving, write_project

CODE = '''
import json

import numpy as np

from grps import StepModel, StepResult, Transcriber, inferer_register


class Telling(StepModel):
    """Says what it got, a byte per step."""

    slots = {"at": "int64"}
    transcriber = Transcriber(
        languages=("en", "de"), max_seconds=2, options=("prompt", "temperature")
    )

    def load(self):
        pass

    def begin(self, requests):
        return [{"at": 0, "said": self.tell(one.inputs)} for one in requests]

    def tell(self, inputs):
        audio = inputs.pop("audio")
        assert audio.dtype == np.float32 and audio.ndim == 1
        told = {name: one.tolist() for name, one in inputs.items()}
        told |= {"samples": len(audio), "middle": round(float(np.median(audio)), 2)}
        return json.dumps(told).encode()

    def step(self, batch):
        rows = [(state["said"], int(at)) for state, at in zip(batch.states, batch["at"])]
        batch["at"] += 1
        finished = [at + 1 == len(said) for said, at in rows]
        return StepResult({"token": np.array([said[at] for said, at in rows])}, finished)


class Plain(Telling):
    transcriber = None


inferer_register.register("telling", Telling())
inferer_register.register("plain", Plain())
'''


def model(name: str, inferer: str, **steps: Any) -> dict[str, Any]:
    return {
        "name": name,
        "version": "1.0.0",
        "inferer_type": "customized",
        "inferer_name": inferer,
        "converter_type": "numpy",
        "batching": {
            "type": "continuous",
            "max_batch_size": 4,
            "steps": {"max_steps": 400, **steps},
        },
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("transcribers")
    text = {"text": {"tokenizer": "tokenizer.json"}}
    models = [
        model("telling", "telling", **text),
        model("silent", "telling"),
        model("plain", "plain", **text),
    ]
    write_project(folder, models)
    (folder / "src").mkdir()
    (folder / "src" / "__init__.py").touch()
    (folder / "src" / "customized_inferer.py").write_text(CODE)
    byte_tokenizer().save(str(folder / "tokenizer.json"))
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> openai.OpenAI:
    url = server.url("/v1")
    return openai.OpenAI(base_url=url, api_key="none", timeout=GUARD_S, max_retries=0)


def sound(seconds: float, rate: int, level: float = 0.5) -> bytes:
    """A WAV file of one level."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(np.full(round(seconds * rate), level * 32768, "<i2").tobytes())
    return made.getvalue()


def told(client: openai.OpenAI, file: bytes, **fields: Any) -> dict[str, Any]:
    answer = client.audio.transcriptions.create(model="telling", file=("a.wav", file), **fields)
    found: dict[str, Any] = json.loads(answer.text)
    return found


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 192_000])
def test_a_model_gets_samples_at_its_rate(client: openai.OpenAI, rate: int) -> None:
    found = told(client, sound(1, rate))
    assert (found["samples"], found["middle"]) == (16_000, 0.5)


def test_a_model_gets_what_it_takes(client: openai.OpenAI) -> None:
    file = sound(0.1, 16_000)
    plain = {"samples": 1600, "middle": 0.5, "temperature": [0.0]}
    assert told(client, file) == plain
    fields = told(client, file, language="de", prompt="Grüße", temperature=0.5)
    assert fields == {**plain, "language": ["de"], "prompt": ["Grüße"], "temperature": [0.5]}


def test_a_recording_is_divided_only_where_it_is_too_long(server: RunningServer) -> None:
    for samples, parts in ((32_000, 1), (32_001, 2)):
        answer = requests.post(
            server.url("/v1/audio/transcriptions"),
            data={"model": "telling", "response_format": "verbose_json"},
            files={"file": ("a.wav", sound(samples / 16_000, 16_000))},
            timeout=GUARD_S,
        ).json()
        found = [json.loads(one["text"])["samples"] for one in answer["segments"]]
        assert (sum(found), len(found)) == (samples, parts)
        assert "language" not in answer


@pytest.mark.parametrize("name", ["silent", "plain"])
def test_other_step_models_are_refused(server: RunningServer, name: str) -> None:
    answer = requests.post(
        server.url("/v1/audio/transcriptions"),
        data={"model": name},
        files={"file": ("a.wav", sound(0.1, 16_000))},
        timeout=GUARD_S,
    )
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert message == f"The model '{name}' makes no transcripts. Models that can: telling."


def test_a_language_that_the_model_has_not_is_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="must be one of the model's: en, de"):
        told(client, sound(0.1, 16_000), language="fr")
