"""Adapters of a language model, which are served as models of their own names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from tests.step_text_models import byte_tokenizer
from tests.support import GUARD_S, RunningServer, serving, user_model, write_user_project

CODE = '''
from pathlib import Path

import numpy as np

from grps import StepResult, inferer_register
from grps.backends.common.language.language_model import LanguageModel
from grps.backends.common.language.model_files import language_files


class Named(LanguageModel):
    """Says which adapter a request names, a byte per step."""

    slots = {"at": "int64"}

    def load(self):
        self.files = language_files(Path(self.path))
        self.adapters = tuple(self.args["adapters"])

    def begin(self, requests):
        named = [one.inputs.get("adapter", np.array(["none"])) for one in requests]
        return [{"at": 0, "said": str(one[0]).encode()} for one in named]

    def step(self, batch):
        rows = [(state["said"], int(at)) for state, at in zip(batch.states, batch["at"])]
        batch["at"] += 1
        tokens = np.array([said[at] for said, at in rows])
        outputs = {"token": tokens, "logprob": np.zeros(len(batch), np.float32)}
        return StepResult(outputs, [at + 1 == len(said) for said, at in rows])


inferer_register.register("named", Named())
'''
TEMPLATE = "{% for message in messages %}{{ message.content }}{% endfor %}:"


def model(folder: Path, name: str, adapters: list[str]) -> dict[str, Any]:
    return user_model(
        name,
        inferer_name="named",
        inferer_path=str(folder),
        inferer_args={"adapters": adapters},
        converter_type="numpy",
        batching={"type": "continuous", "max_batch_size": 4},
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    files = tmp_path_factory.mktemp("files")
    byte_tokenizer().save(str(files / "tokenizer.json"))
    (files / "config.json").write_text(json.dumps({"max_position_embeddings": 64}))
    (files / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    models = [model(files, "base", ["french", "plain", "other"]), model(files, "other", [])]
    folder = tmp_path_factory.mktemp("adapters")
    with serving(write_user_project(folder, models, code=CODE)) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> openai.OpenAI:
    url = server.url("/v1")
    return openai.OpenAI(base_url=url, api_key="none", timeout=GUARD_S, max_retries=0)


@pytest.mark.parametrize(
    ("name", "said"), [("base", "none"), ("french", "french"), ("plain", "plain")]
)
def test_a_request_for_an_adapter_names_it(client: openai.OpenAI, name: str, said: str) -> None:
    chat = client.chat.completions.create(model=name, messages=[{"role": "user", "content": "a"}])
    assert (chat.model, chat.choices[0].message.content) == (name, said)
    completion = client.completions.create(model=name, prompt="a")
    assert completion.choices[0].text == said


def test_other_routes_know_adapters(client: openai.OpenAI, server: RunningServer) -> None:
    assert client.responses.create(model="french", input="a").output_text == "french"
    claude = anthropic.Anthropic(base_url=server.url(""), api_key="none", max_retries=0)
    message = claude.messages.create(
        model="plain", max_tokens=9, messages=[{"role": "user", "content": "a"}]
    )
    assert message.content[0].to_dict()["text"] == "plain"


def test_a_model_counts_before_an_adapter_of_its_name(client: openai.OpenAI) -> None:
    assert client.completions.create(model="other", prompt="a").choices[0].text == "none"


def test_adapters_are_listed(client: openai.OpenAI) -> None:
    assert [one.id for one in client.models.list()] == ["base", "french", "other", "plain"]
    assert client.models.retrieve("french").id == "french"


def test_an_unknown_name_gets_the_known_ones(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="base, french, other, plain"):
        client.completions.create(model="german", prompt="a")


def test_only_text_is_generated_by_adapters(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="french", input="a")
