"""The decoder behind the API of OpenAI, with its own client: what an engine with logits can do."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai
import pytest
import requests

from tests.support import GUARD_S, RunningServer, serving, write_project
from tests.text_networks.onnx_decoder import write_onnx_model
from tests.text_networks.tiny_decoder import CONTEXT, VOCABULARY, write_model

PROMPT = "A prompt of thirty characters."
MESSAGES: list[Any] = [{"role": "user", "content": PROMPT}]
POSITION_BYTES = 2 * 3 * 2 * 8 * 4
"""Bytes of the keys and values of one token of the model."""
TIGHT = 1.5 * CONTEXT * POSITION_BYTES / (1 << 30)
"""A cache for one and a half sequences of the whole context, in GiB."""
ASKED: dict[str, Any] = {"temperature": 0, "max_tokens": 12, "extra_body": {"ignore_eos": True}}
TOKEN = 40
"""A token, which is the text ``TEXT``."""
TEXT = "I"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("decoder")
    path = write_model(folder / "model", shards=2)
    model = {
        "name": "tiny",
        "version": "1.0.0",
        "device": "cpu",
        "inferer_type": "decoder",
        "inferer_path": str(path),
        "inferer_args": {"prefill_tokens": 8},
        "converter_type": "numpy",
        "batching": {"type": "continuous", "max_batch_size": 4},
    }
    tight = {**model, "name": "tight", "inferer_args": {"cache_size_gb": TIGHT}}
    apart = {**model, "name": "apart", "isolation": "process"}
    graph = write_onnx_model(folder / "graph", external="model.onnx_data")
    onnx = {**model, "name": "onnx", "inferer_path": str(graph)}
    with serving(write_project(folder / "project", [model, tight, apart, onnx])) as made:
        yield made


@pytest.fixture(scope="module")
def client(server: RunningServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=server.url("/v1"), api_key="none", max_retries=0)


def chat(client: Any, **changes: Any) -> Any:
    return client.chat.completions.create(
        **{"model": "tiny", "messages": MESSAGES, **ASKED, **changes}
    )


def complete(client: Any, **changes: Any) -> Any:
    return client.completions.create(**{"model": "tiny", "prompt": PROMPT, **ASKED, **changes})


def test_a_bias_decides_what_is_generated(client: Any) -> None:
    assert complete(client).choices[0].text != TEXT * 12
    bias = {"logit_bias": {str(TOKEN): 100}}
    assert complete(client, **bias).choices[0].text == TEXT * 12
    assert chat(client, **bias).choices[0].message.content == TEXT * 12


@pytest.mark.parametrize("token", [VOCABULARY - 1, VOCABULARY])
def test_a_bias_is_for_tokens_of_the_model(client: Any, token: int) -> None:
    if token < VOCABULARY:
        chat(client, logit_bias={str(token): -100})
        return
    with pytest.raises(openai.BadRequestError, match=f"from 0 to {VOCABULARY - 1}"):
        chat(client, logit_bias={str(token): -100})


def check_tokens(tokens: list[Any], count: int) -> None:
    """Check that each token is the likeliest of its position."""
    assert len(tokens) == 12
    for token in tokens:
        assert [top.token for top in token.top_logprobs][:1] == ([token.token] if count else [])
        logprobs = [top.logprob for top in token.top_logprobs]
        assert logprobs == sorted(logprobs, reverse=True)
        assert len(logprobs) == count
        assert not count or abs(logprobs[0] - token.logprob) < 1e-4
        assert token.logprob < 0


@pytest.mark.parametrize("count", [0, 1, 20])
def test_a_chat_shows_the_likeliest_tokens(client: Any, count: int) -> None:
    asked: dict[str, Any] = {"logprobs": True, "top_logprobs": count}
    whole = chat(client, **asked).choices[0].logprobs.content
    check_tokens(whole, count)
    chunks = [chunk.choices[0] for chunk in chat(client, stream=True, **asked)]
    streamed = [token for one in chunks if one.logprobs for token in one.logprobs.content]
    assert [one.token for one in streamed] == [one.token for one in whole]
    check_tokens(streamed, count)


def test_a_completion_shows_the_likeliest_tokens(client: Any) -> None:
    whole = complete(client, logprobs=2).choices[0].logprobs
    assert len(whole.tokens) == len(whole.token_logprobs) == len(whole.top_logprobs) == 12
    for token, logprob, top in zip(
        whole.tokens, whole.token_logprobs, whole.top_logprobs, strict=True
    ):
        assert len(top) == 2
        assert max(top.values()) == pytest.approx(logprob, abs=1e-4)
        assert token in top
    chunks = [chunk.choices[0].logprobs for chunk in complete(client, logprobs=2, stream=True)]
    streamed = [one for one in chunks if one is not None]
    assert [token for one in streamed for token in one.tokens] == whole.tokens
    assert [len(top) for one in streamed for top in one.top_logprobs] == [2] * 12


def test_a_process_of_its_own_answers_the_same(client: Any) -> None:
    bias = {"logit_bias": {str(TOKEN): 3}, "logprobs": 2}
    apart, here = (complete(client, model=name, **bias).choices[0] for name in ("apart", "tiny"))
    assert apart.text == here.text
    assert apart.logprobs == here.logprobs


def test_a_graph_with_the_same_weights_answers_the_same(client: Any) -> None:
    def ask(model: str, number: int) -> Any:
        prompt = f"{number}: {PROMPT}"[: number * 7 + 1]
        return complete(
            client, model=model, prompt=prompt, temperature=1, seed=number, logprobs=2
        ).choices[0]

    expected = [ask("tiny", number) for number in range(5)]
    with ThreadPoolExecutor(5) as threads:
        found = list(threads.map(lambda number: ask("onnx", number), range(5)))
    assert [one.text for one in found] == [one.text for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.logprobs.token_logprobs == pytest.approx(other.logprobs.token_logprobs, abs=1e-4)


def test_who_asks_for_none_gets_none(client: Any) -> None:
    assert chat(client).choices[0].logprobs is None
    assert complete(client).choices[0].logprobs is None


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_that_fills_the_context_has_ended_by_its_length(
    client: Any, stream: bool
) -> None:
    # The template adds a character.
    room = CONTEXT - len(PROMPT) - 1
    if not stream:
        answer = chat(client, max_tokens=None)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage.completion_tokens == room
        return
    options = {"include_usage": True}
    chunks = list(chat(client, max_tokens=None, stream=True, stream_options=options))
    reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
    assert [reason for reason in reasons if reason] == ["length"]
    assert chunks[-1].usage.completion_tokens == room


def test_texts_have_a_structure(client: Any) -> None:
    asked = {"guided_regex": "(ab){3}"}
    answer = chat(client, temperature=1, extra_body=asked)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == (
        "ababab",
        "stop",
    )
    with pytest.raises(openai.BadRequestError, match="regex"):
        chat(client, extra_body={"guided_regex": "("})


def test_a_prompt_that_is_too_long_is_refused(client: Any, server: RunningServer) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, prompt=[5] * CONTEXT, max_tokens=1)
    assert caught.value.code == "context_length_exceeded"
    tokens = {
        "name": "tokens",
        "dtype": "DT_INT64",
        "shape": [CONTEXT],
        "flat_int64": [5] * CONTEXT,
    }
    body = {"model": "tiny-1.0.0", "gtensors": {"tensors": [tokens]}}
    response = requests.post(server.url(), json=body, timeout=GUARD_S)
    assert response.status_code == 400
    assert f"the prompt has {CONTEXT} tokens" in response.text


def test_a_full_cache_changes_no_answer(client: Any, server: RunningServer) -> None:
    prompts = [f"{number}: {PROMPT}" for number in range(6)]

    def ask(prompt: str, model: str) -> str:
        made = complete(
            client, model=model, prompt=prompt, temperature=1, seed=5, max_tokens=CONTEXT - 40
        )
        assert made.choices[0].finish_reason == "length"
        return str(made.choices[0].text)

    alone = [ask(prompt, "tiny") for prompt in prompts]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda prompt: ask(prompt, "tight"), prompts)) == alone
    metrics = requests.get(server.url("/metrics"), timeout=GUARD_S).text
    lines = [line for line in metrics.splitlines() if "preempt" in line and "tight" in line]
    assert any(float(line.rpartition(" ")[2]) > 0 for line in lines)
