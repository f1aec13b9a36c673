"""Adapters of the decoder as names of models behind the APIs of OpenAI and Anthropic."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai
import pytest
import requests

from tests.support import GUARD_S, RunningServer, serving, write_project
from tests.text_networks.tiny_adapter import TinyAdapter
from tests.text_networks.tiny_decoder import CONTEXT, write_model

PROMPT = "A prompt of thirty characters."
MESSAGES: list[Any] = [{"role": "user", "content": PROMPT}]
ASKED: dict[str, Any] = {"temperature": 0, "max_tokens": 12, "extra_body": {"ignore_eos": True}}
LEGAL, MEDICAL = TinyAdapter(seed=1), TinyAdapter(seed=2, rank=2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("adapters")
    legal, medical = str(LEGAL.write(folder / "legal")), str(MEDICAL.write(folder / "medical"))
    merged = write_model(folder / "merged")
    LEGAL.merge(merged)
    base = write_model(folder / "base")

    def model(name: str, path: Any, adapters: dict[str, str], **keys: Any) -> dict[str, Any]:
        return {
            "name": name,
            "version": "1.0.0",
            "device": "cpu",
            "inferer_type": "decoder",
            "inferer_path": str(path),
            "inferer_args": {"adapters": adapters},
            "converter_type": "numpy",
            "batching": {"type": "continuous", "max_batch_size": 4},
            **keys,
        }

    models = [
        model("base", base, {"legal": legal, "medical": medical, "merged": medical}),
        model("merged", merged, {}),
        model("apart", base, {"far": legal}, isolation="process"),
    ]
    with serving(write_project(folder / "project", models)) as made:
        yield made


@pytest.fixture(scope="module")
def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url("/v1"), api_key="none", max_retries=0)


def text(client: Any, model: str) -> str:
    answer = client.completions.create(model=model, prompt=PROMPT, **ASKED)
    assert answer.model == model
    return str(answer.choices[0].text)


def test_an_adapter_is_asked_for_as_a_model(client: Any) -> None:
    expected = {name: text(client, name) for name in ("base", "merged", "medical")}
    assert len(set(expected.values())) == 3
    asked = ["legal", "base", "medical", "far", "merged", "legal"]
    with ThreadPoolExecutor(len(asked)) as threads:
        found = list(threads.map(lambda name: text(client, name), asked))
    # The name of a model is not that of an adapter.
    assert found == [
        expected[{"legal": "merged", "far": "merged"}.get(name, name)] for name in asked
    ]


def test_chats_and_streams_have_adapters(client: Any, server: RunningServer) -> None:
    answers = {
        name: client.chat.completions.create(model=name, messages=MESSAGES, **ASKED)
        for name in ("base", "legal", "merged")
    }
    texts = {name: answer.choices[0].message.content for name, answer in answers.items()}
    assert texts["legal"] == texts["merged"] != texts["base"]
    chunks = list(
        client.chat.completions.create(model="legal", messages=MESSAGES, stream=True, **ASKED)
    )
    assert "".join(one.choices[0].delta.content or "" for one in chunks) == texts["legal"]
    assert {one.model for one in chunks} == {"legal"}
    other: Any = anthropic.Anthropic(base_url=server.url(""), api_key="none", max_retries=0)
    message = other.messages.create(
        model="legal",
        messages=MESSAGES,
        max_tokens=12,
        extra_body={"temperature": 0, "ignore_eos": True},
    )
    assert message.content[0].text == texts["legal"]


def test_adapters_are_listed(client: Any) -> None:
    listed = {one.id: one for one in client.models.list()}
    assert sorted(listed) == ["apart", "base", "far", "legal", "medical", "merged"]
    assert client.models.retrieve("legal").id == "legal"
    assert {one.max_model_len for one in listed.values()} == {CONTEXT}


def test_unknown_names_are_refused_with_all_names(client: Any) -> None:
    with pytest.raises(openai.NotFoundError, match="apart, base, far, legal, medical, merged"):
        text(client, "lega")


def test_tokens_are_counted_by_the_name_of_an_adapter(server: RunningServer) -> None:
    body = {"model": "legal", "prompt": PROMPT}
    response = requests.post(server.url("/tokenize"), json=body, timeout=GUARD_S)
    assert response.json()["count"] == len(PROMPT)


def test_a_call_with_tensors_names_an_adapter(client: Any, server: RunningServer) -> None:
    def tensors(adapter: str) -> requests.Response:
        tokens = list(PROMPT.encode())
        inputs = [
            {"name": "tokens", "dtype": "DT_INT64", "shape": [len(tokens)], "flat_int64": tokens},
            {"name": "max_tokens", "dtype": "DT_INT64", "shape": [1], "flat_int64": [12]},
            {"name": "adapter", "dtype": "DT_STRING", "shape": [1], "flat_string": [adapter]},
        ]
        body = {"model": "base-1.0.0", "gtensors": {"tensors": inputs}}
        return requests.post(server.url(), json=body, timeout=GUARD_S)

    refused = tensors("unknown")
    assert refused.status_code == 400
    assert "the model has legal, medical" in refused.text
    assert tensors("legal").status_code == 200
