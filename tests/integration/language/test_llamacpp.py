"""A real language model in llama.cpp, behind the API of OpenAI with its own client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import openai
import pytest
import requests

from tests.integration.language.calls import slots_in_use
from tests.integration.language.models import smol_model
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

FRANCE: list[dict[str, Any]] = [
    {"role": "system", "content": "You answer questions."},
    {"role": "user", "content": "What is the capital of France?"},
]
CERTAIN: dict[str, Any] = {"model": "smol", "temperature": 0, "max_tokens": 24}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    model = smol_model(
        inferer_type="llamacpp", inferer_args={"context_length": 1024, "intra_op_threads": 1}
    )
    with serving(write_project(tmp_path_factory.mktemp("llamacpp"), [model])) as made:
        yield made


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Any:
    return openai.OpenAI(base_url=server.url("/v1"), api_key="none", max_retries=0)


def test_a_stream_says_what_the_whole_answer_says(client: Any) -> None:
    whole = client.chat.completions.create(messages=FRANCE, **CERTAIN)
    assert "Paris" in whole.choices[0].message.content
    assert whole.choices[0].finish_reason == "stop"
    stream = client.chat.completions.create(messages=FRANCE, stream=True, **CERTAIN)
    texts = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(texts) == whole.choices[0].message.content
    assert len(texts) > 3


def test_the_length_ends_an_answer(client: Any) -> None:
    answer = client.chat.completions.create(messages=FRANCE, **{**CERTAIN, "max_tokens": 2})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 2


def test_several_choices_stops_and_seeds(client: Any) -> None:
    asked = {"messages": FRANCE, "n": 3, "seed": 7, "temperature": 1.5}
    first, second = (
        client.chat.completions.create(**{**CERTAIN, **asked, "max_tokens": 12}) for _ in range(2)
    )
    texts = [choice.message.content for choice in first.choices]
    assert texts == [choice.message.content for choice in second.choices]
    assert [choice.index for choice in first.choices] == [0, 1, 2]
    stopped = client.chat.completions.create(messages=FRANCE, stop="Paris", **CERTAIN)
    assert stopped.choices[0].finish_reason == "stop"
    assert "Paris" not in stopped.choices[0].message.content


def test_logprobs_are_those_of_the_tokens(client: Any) -> None:
    answer = client.chat.completions.create(messages=FRANCE, logprobs=True, **CERTAIN)
    content = answer.choices[0].logprobs.content
    assert len(content) == answer.usage.completion_tokens
    assert all(one.logprob <= 0 for one in content)
    assert "Paris" in "".join(one.token for one in content)


def test_an_answer_in_the_form_of_a_schema(client: Any) -> None:
    schema = {"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}}}
    wanted = {"name": "c", "schema": {**schema, "required": ["city"]}}
    answer = client.chat.completions.create(
        messages=FRANCE, response_format={"type": "json_schema", "json_schema": wanted}, **CERTAIN
    )
    assert json.loads(answer.choices[0].message.content)["city"] in ("Paris", "Rome")


def test_characters_of_several_tokens_are_whole(server: RunningServer) -> None:
    body = {**CERTAIN, "messages": FRANCE, "structured_outputs": {"choice": ["🦀é🦀"]}}
    url = server.url("/v1/chat/completions")
    answer = requests.post(url, json=body, timeout=GUARD_S).json()
    assert answer["choices"][0]["message"]["content"] == "🦀é🦀"


def test_a_prompt_that_is_too_long_is_refused_with_both_lengths(client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="1024"):
        client.completions.create(model="smol", prompt=[1] * 1024, max_tokens=1)


def test_a_client_that_leaves_frees_its_slot(client: Any, server: RunningServer) -> None:
    stream = client.completions.create(
        model="smol", prompt="One", max_tokens=900, stream=True, extra_body={"ignore_eos": True}
    )
    next(iter(stream))
    assert slots_in_use(server) == 1
    stream.close()
    wait_until(lambda: slots_in_use(server) == 0, "the slot is free")
