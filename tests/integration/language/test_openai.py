"""A real language model behind the APIs of OpenAI and Anthropic, with their own clients."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai
import psutil
import pytest
import requests
from click.testing import CliRunner

from grps.cli.main import main
from tests.integration.language.calls import slots_in_use
from tests.integration.language.models import smol_model, smol_path
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

MODEL = smol_path()
FRANCE: list[dict[str, Any]] = [{"role": "user", "content": "What is the capital of France?"}]
CERTAIN: dict[str, Any] = {"model": "smol", "temperature": 0, "max_tokens": 24}
CONTEXT = 8192
TEMPLATE = """{%- if tools %}<|im_start|>system
Answer by a call in <tool_call></tool_call> of one of these tools:
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}{% for call in message.tool_calls or [] %}<tool_call>
{{ call.function | tojson }}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
ENDLESS = """{%- set n = namespace(a=[1], b=[1]) %}{% for i in range(60) %}
{%- set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}{% endfor %}{{ n.a == n.b }}"""
"""Compares more numbers than can be compared, in few steps."""
TOOLS: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"city": {"enum": ["Paris", "Rome"]}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
    }
    for name in ("weather", "time")
]
BAD_FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "c", "schema": {"type": "nonsense"}},
}
EXACT = {
    "INFERENCE_PRECISION_HINT": "f32",
    "KV_CACHE_PRECISION": "f32",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    "prefix_caching": False,
}
"""With the engine's defaults, answers depend a little on the other sequences of a step."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    model = smol_model(inferer_args=EXACT)
    folder = tmp_path_factory.mktemp("language")
    (folder / "template.jinja").write_text(TEMPLATE)
    with_tools = {
        **model,
        "name": "caller",
        "inferer_args": {**EXACT, "chat_template": str(folder / "template.jinja")},
    }
    (folder / "endless.jinja").write_text(ENDLESS)
    endless = {
        **model,
        "name": "endless",
        "inferer_args": {**EXACT, "chat_template": str(folder / "endless.jinja")},
    }
    plain = {"name": "plain", "version": "1.0.0", "inferer_type": "identity"}
    with serving(write_project(folder, [model, with_tools, endless, plain])) as made:
        yield made


@pytest.fixture(scope="module")
def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url("/v1"), api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def claude(server: RunningServer) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=server.url(""), api_key="none", max_retries=0)


def test_a_chat_is_answered(client: Any) -> None:
    answer = client.chat.completions.create(messages=FRANCE, **CERTAIN)
    assert answer.choices[0].message.content is not None
    assert "Paris" in answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_call_by_text_is_told_the_route_of_chats(server: RunningServer) -> None:
    words = ["call", "smol", "What is the capital of France?", "--address"]
    failed = CliRunner().invoke(main, [*words, server.url("").removeprefix("http://")])
    assert failed.exit_code == 1
    error, advice, _ = failed.stderr.splitlines()
    assert error.startswith("error: 400: the model takes tensors")
    ran = subprocess.run(
        ["bash", "-c", advice.removeprefix("try: ")], capture_output=True, text=True, check=True
    )
    assert "Paris" in json.loads(ran.stdout)["choices"][0]["message"]["content"]


def test_a_stream_says_the_same(client: Any) -> None:
    whole = client.chat.completions.create(messages=FRANCE, **CERTAIN)
    chunks = list(
        client.chat.completions.create(
            messages=FRANCE, stream=True, stream_options={"include_usage": True}, **CERTAIN
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == whole.choices[0].message.content
    assert [delta.role for delta in deltas] == ["assistant", *[None] * (len(deltas) - 1)]
    assert all(delta.content is not None for delta in deltas[:-1])
    assert len({chunk.id for chunk in chunks}) == 1
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons == [*[None] * (len(reasons) - 1), "stop"]
    assert (chunks[-1].choices, chunks[-1].usage) == ([], whole.usage)
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_a_stream_ends_with_done(server: RunningServer) -> None:
    body = {**CERTAIN, "max_tokens": 2, "messages": FRANCE, "stream": True}
    response = requests.post(server.url("/v1/chat/completions"), json=body, timeout=GUARD_S)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("limit", [1, 5])
def test_max_tokens_ends_with_length(client: Any, limit: int) -> None:
    answer = client.chat.completions.create(messages=FRANCE, **{**CERTAIN, "max_tokens": limit})
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == limit


def test_a_stop_string_is_left_out(client: Any) -> None:
    whole = client.chat.completions.create(messages=FRANCE, **CERTAIN).choices[0].message.content
    assert whole is not None
    for stop in (" Paris", "nce is", [" never said", "is P"]):
        first = stop if isinstance(stop, str) else stop[1]
        chunks = client.chat.completions.create(messages=FRANCE, stop=stop, stream=True, **CERTAIN)
        text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
        assert text == whole[: whole.index(first)]


def test_one_of_several_texts(client: Any) -> None:
    answer = client.chat.completions.create(
        messages=FRANCE, extra_body={"guided_choice": ["Rome (Italy)", "Paris."]}, **CERTAIN
    )
    assert answer.choices[0].message.content in {"Rome (Italy)", "Paris."}


def test_choices_differ_and_are_counted(client: Any) -> None:
    asked: dict[str, Any] = {"model": "smol", "messages": FRANCE, "max_tokens": 8, "n": 3}
    answer = client.chat.completions.create(temperature=2, seed=7, **asked)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1
    assert answer.usage is not None
    assert answer.usage.completion_tokens <= 24
    again = client.chat.completions.create(temperature=2, seed=7, **asked)
    texts = [choice.message.content for choice in answer.choices]
    assert [choice.message.content for choice in again.choices] == texts


def test_logprobs_go_with_the_text(client: Any) -> None:
    answer = client.chat.completions.create(messages=FRANCE, logprobs=True, **CERTAIN)
    [choice] = answer.choices
    assert choice.logprobs is not None and choice.logprobs.content is not None
    tokens = choice.logprobs.content
    assert all(token.logprob <= 0 for token in tokens)
    assert any(token.logprob < 0 for token in tokens)
    data = b"".join(bytes(token.bytes or []) for token in tokens)
    assert data.decode().startswith(choice.message.content or "?")


def test_text_of_a_schema(client: Any) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        messages=FRANCE,
        response_format={"type": "json_schema", "json_schema": {"name": "c", "schema": schema}},
        **{**CERTAIN, "max_tokens": 64},
    )
    assert set(json.loads(answer.choices[0].message.content or "")) == {"city"}


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"logit_bias": {"1": 5}}, "logit_bias"),
        ({"logprobs": True, "top_logprobs": 1}, "top_logprobs"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"max_tokens": CONTEXT}, "messages"),
        ({"response_format": {"type": "json_schema"}}, None),
        ({"response_format": BAD_FORMAT}, None),
        ({"extra_body": {"guided_regex": "("}}, None),
        ({"extra_body": {"guided_grammar": "root ::= ("}}, None),
    ],
)
def test_what_is_wrong_is_named(client: Any, changes: dict[str, Any], param: str | None) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**{**CERTAIN, "messages": FRANCE, **changes})
    assert param is None or caught.value.param == param


@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_is_too_long_is_refused_before_the_answer(client: Any, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.completions.create(
            model="smol", prompt=[5] * (CONTEXT + 1), max_tokens=1, stream=stream
        )
    assert caught.value.code == "context_length_exceeded"
    assert str(CONTEXT) in str(caught.value) and str(CONTEXT + 1) in str(caught.value)


@pytest.mark.parametrize("name", ["none", "plain", str(MODEL)])
def test_other_models_are_not_found(client: Any, name: str) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(model=name, messages=FRANCE)
    assert caught.value.code == "model_not_found"
    words = "is no language model. Language models: " if name == "plain" else "does not exist"
    assert words in str(caught.value)
    assert "smol" in str(caught.value)


def test_models_are_listed_by_their_names(server: RunningServer, client: Any) -> None:
    assert [model.id for model in client.models.list()] == ["caller", "endless", "smol"]
    assert client.models.retrieve("smol").id == "smol"
    started = psutil.Process(server.process.pid).create_time()
    assert started - 1 <= client.models.retrieve("smol").created <= time.time()
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("none")


def test_errors_of_routes_have_the_shape_of_the_api(server: RunningServer) -> None:
    response = requests.get(server.url("/v1/chat/completions"), timeout=GUARD_S)
    assert response.status_code == 405
    assert response.json()["error"]["type"] == "invalid_request_error"
    body = b'{"model": "smol", "messages": '
    response = requests.post(server.url("/v1/messages"), data=body, timeout=GUARD_S)
    assert (response.status_code, response.json()["type"]) == (400, "error")


def test_completions_of_several_prompts(client: Any) -> None:
    answer = client.completions.create(
        model="smol",
        prompt=["One, two,", "Monday, Tuesday,"],
        temperature=0,
        max_tokens=3,
        n=2,
        echo=True,
    )
    texts = [choice.text for choice in answer.choices]
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert [text[:4] for text in texts] == ["One,", "One,", "Mond", "Mond"]
    assert texts[0] == texts[1] != "One, two,"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 12


CHOICES = ["required", {"type": "function", "function": {"name": "time"}}]


@pytest.mark.parametrize("choice", CHOICES, ids=["required", "named"])
def test_a_call_that_is_required_is_made(client: Any, choice: Any) -> None:
    asked: dict[str, Any] = {**CERTAIN, "model": "caller", "max_tokens": 64, "tools": TOOLS}
    asked |= {"tool_choice": choice, "messages": FRANCE}
    [made] = client.chat.completions.create(**asked).choices
    assert made.finish_reason == "tool_calls"
    assert made.message.tool_calls is not None
    [call] = made.message.tool_calls
    assert call.type == "function"
    assert json.loads(call.function.arguments)["city"] in {"Paris", "Rome"}
    assert call.function.name in ({"weather", "time"} if choice == "required" else {"time"})
    with client.chat.completions.stream(**asked) as stream:
        list(stream)
        final = stream.get_final_completion().choices[0].message
    assert final.tool_calls is not None
    assert final.tool_calls[0].function.arguments == call.function.arguments
    result = {"role": "tool", "tool_call_id": call.id, "content": "rain"}
    messages: list[Any] = [*FRANCE, made.message.model_dump(exclude_none=True), result]
    after = client.chat.completions.create(**{**asked, "messages": messages, "tool_choice": "none"})
    assert after.choices[0].message.tool_calls is None


def test_a_call_without_a_form_is_refused(client: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="no form of calls"):
        client.chat.completions.create(
            messages=FRANCE, tools=TOOLS, tool_choice="required", **CERTAIN
        )


def test_responses(client: Any) -> None:
    asked: dict[str, Any] = {"model": "smol", "temperature": 0, "max_output_tokens": 24}
    question = "What is the capital of France?"
    answer = client.responses.create(input=question, **asked)
    assert "Paris" in answer.output_text
    with client.responses.stream(input=question, **asked) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert final.output_text == answer.output_text
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


def test_messages_of_anthropic(claude: Any) -> None:
    certain = {"temperature": 0}
    asked: Any = {"model": "smol", "max_tokens": 24, "messages": FRANCE, "extra_body": certain}
    answer = claude.messages.create(**asked)
    assert "Paris" in answer.content[0].text
    assert answer.stop_reason == "end_turn"
    with claude.messages.stream(**asked) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == answer.content[0].text
    assert final.usage.output_tokens == answer.usage.output_tokens
    counted = claude.messages.count_tokens(model="smol", messages=asked["messages"])
    assert counted.input_tokens == answer.usage.input_tokens
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.create(**{**asked, "model": "none"})


@pytest.mark.parametrize("stop", [["never", " Paris"], ["nce is"]])
def test_the_stop_sequence_of_anthropic_is_named(claude: Any, stop: list[str]) -> None:
    asked: Any = {"model": "smol", "max_tokens": 24, "messages": FRANCE, "stop_sequences": stop}
    asked["extra_body"] = {"temperature": 0}
    answer = claude.messages.create(**asked)
    assert (answer.stop_reason, answer.stop_sequence) == ("stop_sequence", stop[-1])
    with claude.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert (final.stop_reason, final.stop_sequence) == ("stop_sequence", stop[-1])
    assert final.content[0].text == answer.content[0].text
    ended = claude.messages.create(**{**asked, "stop_sequences": ["never"]})
    assert (ended.stop_reason, ended.stop_sequence) == ("end_turn", None)


def test_tokens_there_and_back(server: RunningServer) -> None:
    text = "Paris 🎉 naïve"
    made = requests.post(
        server.url("/tokenize"), json={"model": "smol", "prompt": text}, timeout=GUARD_S
    ).json()
    assert made["count"] == len(made["tokens"])
    body = {"model": "smol", "tokens": made["tokens"]}
    back = requests.post(server.url("/detokenize"), json=body, timeout=GUARD_S).json()
    assert back["prompt"] == text


def test_a_client_that_leaves_frees_its_place(server: RunningServer, client: Any) -> None:
    asked: dict[str, Any] = {**CERTAIN, "max_tokens": 2000, "extra_body": {"ignore_eos": True}}
    streams = [
        client.chat.completions.create(messages=FRANCE, stream=True, **asked) for _ in range(4)
    ]
    for stream in streams:
        next(iter(stream))
    wait_until(lambda: slots_in_use(server) == 4, "all places are taken")
    for stream in streams:
        stream.close()
    wait_until(lambda: slots_in_use(server) == 0, "the places are free")
    test_a_chat_is_answered(client)


def test_answers_do_not_depend_on_who_else_is_served(client: Any) -> None:
    questions = [f"What is {number} plus {number}?" for number in range(8)]

    def ask(question: str) -> str | None:
        messages: Any = [{"role": "user", "content": question}]
        answer = client.chat.completions.create(messages=messages, **{**CERTAIN, "max_tokens": 8})
        return answer.choices[0].message.content

    alone = [ask(question) for question in questions]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, questions)) == alone


def test_a_template_that_does_not_end_fails_its_own_model_only(client: Any) -> None:
    def fails(_: int) -> str:
        with pytest.raises(openai.InternalServerError) as raised:
            client.chat.completions.create(messages=FRANCE, **{**CERTAIN, "model": "endless"})
        return raised.value.message

    def answered() -> bool:
        answer = client.chat.completions.create(messages=FRANCE, **CERTAIN)
        return "Paris" in answer.choices[0].message.content

    with ThreadPoolExecutor(8) as pool:
        failing = [pool.submit(fails, number) for number in range(8)]
        assert answered()
        assert all("the chat template took longer than" in failed.result() for failed in failing)
    assert "the chat template took longer than" in fails(0)
    assert answered()
    completion = client.completions.create(prompt="Hello", **{**CERTAIN, "model": "endless"})
    assert completion.choices[0].text
