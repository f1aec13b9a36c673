"""Limits of callers and of the queue, and what requests use, with a real language model."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import openai
import pytest
import requests

from tests.credentials import bearer, entry, key_of
from tests.integration.language.models import minilm_path, smol_model
from tests.support import GUARD_S, RunningServer, serving, wait_until, write_project

LIMIT = 40
COUNTED: dict[str, Any] = {"model": "smol", "temperature": 0, "extra_body": {"ignore_eos": True}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    model = smol_model(
        batching={"type": "continuous", "max_batch_size": 1},
        queue={"max_length": 3, "priority_levels": 2},
    )
    texts = {
        "name": "texts",
        "version": "1.0.0",
        "inferer_type": "openvino",
        "inferer_path": str(minilm_path()),
    }
    tokens = ("whole", "debt", "stream", "claude", "tensors", "tensor-stream", "large", "texts")
    keys = [entry(name, ["infer"], max_tokens_per_minute=LIMIT) for name in tokens]
    keys.append(entry("requests", ["infer", "read"], max_requests_per_minute=2))
    keys.append(entry("counted", ["infer", "read"], max_tokens_per_minute=1_000_000))
    keys.append(entry("free", ["infer", "read"]))
    folder = tmp_path_factory.mktemp("limits")
    with serving(write_project(folder, [model, texts], {"auth": {"keys": keys}})) as made:
        yield made


def client(server: RunningServer, name: str) -> Any:
    return openai.OpenAI(base_url=server.url("/v1"), api_key=key_of(name), max_retries=0)


def metric(server: RunningServer, name: str, **labels: str) -> float:
    """Return a sample of the metrics."""
    text = requests.get(server.url("/metrics"), headers=bearer(key_of("free")), timeout=GUARD_S)
    shown = ",".join(f'{label}="{value}"' for label, value in labels.items())
    [line] = [line for line in text.text.splitlines() if line.startswith(f"{name}{{{shown}}} ")]
    return float(line.rpartition(" ")[2])


def test_tokens_of_a_minute_are_used_by_prompt_and_answer(server: RunningServer) -> None:
    limited = client(server, "whole")
    raw = limited.completions.with_raw_response
    first = raw.create(prompt=[5] * (LIMIT - 12), max_tokens=2, **COUNTED)
    assert first.headers["x-ratelimit-limit-tokens"] == str(LIMIT)
    assert "x-ratelimit-limit-requests" not in first.headers
    # What is left allows this prompt to the last token, and little has come back meanwhile.
    rest = int(
        raw.create(prompt=[5], max_tokens=1, **COUNTED).headers["x-ratelimit-remaining-tokens"]
    )
    assert 8 <= rest < LIMIT - 12
    with pytest.raises(openai.RateLimitError) as caught:
        limited.completions.create(prompt=[5] * LIMIT, max_tokens=1, **COUNTED)
    assert (caught.value.code, caught.value.type) == ("rate_limit_exceeded", "rate_limit_error")
    assert "max_tokens_per_minute" in str(caught.value)
    headers = caught.value.response.headers
    assert 1 <= int(headers["retry-after"]) <= 60
    assert "x-should-retry" not in headers


def test_a_prompt_of_the_whole_limit_is_served_and_a_longer_one_never(
    server: RunningServer,
) -> None:
    limited = client(server, "debt")
    with pytest.raises(openai.BadRequestError, match="max_tokens_per_minute"):
        limited.completions.create(prompt=[5] * (LIMIT + 1), max_tokens=1, **COUNTED)
    answer = limited.completions.create(prompt=[5] * LIMIT, max_tokens=20, **COUNTED)
    assert answer.usage.total_tokens == LIMIT + 20
    # The answer is beyond the limit: it takes half a minute until anything is left.
    with pytest.raises(openai.RateLimitError) as caught:
        limited.completions.create(prompt=[5], max_tokens=1, **COUNTED)
    assert caught.value.response.headers["x-ratelimit-remaining-tokens"] == "0"
    counted = ("grps_caller_refused_requests_total", "max_tokens_per_minute")
    assert metric(server, counted[0], caller="debt", limit=counted[1]) == 2


def test_a_stream_is_refused_before_it_begins(server: RunningServer) -> None:
    limited = client(server, "stream")
    for _ in limited.completions.create(prompt=[5] * 36, max_tokens=36, stream=True, **COUNTED):
        pass
    with pytest.raises(openai.RateLimitError):
        limited.completions.create(prompt=[5] * 9, max_tokens=1, stream=True, **COUNTED)


def test_the_error_of_anthropic(server: RunningServer) -> None:
    client(server, "claude").completions.create(prompt=[5] * LIMIT, max_tokens=20, **COUNTED)
    claude = anthropic.Anthropic(base_url=server.url(""), api_key=key_of("claude"), max_retries=0)
    with pytest.raises(anthropic.RateLimitError) as caught:
        claude.messages.create(
            model="smol", max_tokens=2, messages=[{"role": "user", "content": "Hi"}]
        )
    assert caught.value.body["error"]["type"] == "rate_limit_error"  # type: ignore[index]


@pytest.mark.parametrize(
    ("caller", "query"),
    [("tensors", "?model=smol"), ("tensor-stream", "?streaming=true&model=smol")],
)
def test_calls_with_tensors_use_the_same_tokens(
    server: RunningServer, caller: str, query: str
) -> None:
    tensors = [
        {"name": "tokens", "dtype": "DT_INT64", "shape": [36], "flat_int64": [5] * 36},
        {"name": "max_tokens", "dtype": "DT_INT64", "shape": [1], "flat_int64": [30]},
        {"name": "ignore_eos", "dtype": "DT_INT64", "shape": [1], "flat_int64": [1]},
    ]
    body = {"gtensors": {"tensors": tensors}}
    answer = server.post(body, query, headers=bearer(key_of(caller)))
    assert answer.status_code == 200
    refused = server.post(body, query, headers=bearer(key_of(caller)))
    assert refused.status_code == 429
    assert "max_tokens_per_minute" in refused.text
    tokens = [metric(server, "grps_caller_tokens_total", caller=caller, kind=kind)
              for kind in ("prompt", "generated")]  # fmt: skip
    assert tokens == [36, 30]


def test_texts_of_embeddings_and_rankings_use_the_same_tokens(server: RunningServer) -> None:
    limited = client(server, "texts")
    raw = limited.embeddings.with_raw_response.create(model="texts", input=["a b c", "d e f"])
    used = raw.parse().usage.prompt_tokens
    assert used == 10
    assert int(raw.headers["x-ratelimit-remaining-tokens"]) <= LIMIT - used + 1
    ranked = {"model": "texts", "query": "a", "documents": ["b"] * 12}
    url, headers = server.url("/v1/rerank"), bearer(key_of("texts"))
    answer = requests.post(url, json=ranked, headers=headers, timeout=GUARD_S)
    assert answer.status_code == 429
    assert metric(server, "grps_caller_tokens_total", caller="texts", kind="prompt") == used


def test_requests_of_a_minute(server: RunningServer) -> None:
    headers = bearer(key_of("requests"))

    def ask() -> requests.Response:
        body = {"model": "smol", "prompt": "Hi"}
        return requests.post(server.url("/tokenize"), json=body, headers=headers, timeout=GUARD_S)

    first, second, third = ask(), ask(), ask()
    left = [one.headers["x-ratelimit-remaining-requests"] for one in (first, second, third)]
    assert [one.status_code for one in (first, second, third)] == [200, 200, 429]
    assert (left, first.headers["x-ratelimit-limit-requests"]) == (["1", "0", "0"], "2")
    assert third.json()["error"]["code"] == "rate_limit_exceeded"
    assert 1 <= int(third.headers["retry-after"]) <= 30
    models = requests.get(server.url("/v1/models"), headers=headers, timeout=GUARD_S)
    assert models.status_code == 429, "all routes count"


@pytest.mark.parametrize("stream", [False, True])
def test_usage_of_several_prompts_and_choices(server: RunningServer, stream: bool) -> None:
    """Each prompt counts once, whatever its choices; every generated token counts."""
    kinds = ("prompt", "generated")
    name = "grps_caller_tokens_total"
    before = [metric(server, name, caller="counted", kind=kind) for kind in kinds]
    asked: dict[str, Any] = {"prompt": [[5, 6], [7, 8, 9]], "n": 1, "max_tokens": 3, **COUNTED}
    usages = []
    for choices, prompts in ((1, asked["prompt"]), (3, [[5, 6]])):
        asked |= {"n": choices, "prompt": prompts}
        counted = client(server, "counted").completions
        if stream:
            options = {"stream": True, "stream_options": {"include_usage": True}}
            *_, last = counted.create(**asked, **options)
            usages.append(last.usage)
        else:
            usages.append(counted.create(**asked).usage)
    assert [usage.prompt_tokens for usage in usages] == [5, 2]
    assert [usage.completion_tokens for usage in usages] == [6, 9]
    assert [usage.total_tokens for usage in usages] == [11, 11]
    after = [metric(server, name, caller="counted", kind=kind) for kind in kinds]
    assert [one - other for one, other in zip(after, before, strict=True)] == [7, 15]


def test_a_full_queue_is_refused_before_the_stream(server: RunningServer) -> None:
    free = client(server, "free")
    asked: dict[str, Any] = {"prompt": [5], "max_tokens": 2000, "stream": True, **COUNTED}
    with free.completions.create(**asked) as running:
        next(iter(running))
        with pytest.raises(openai.RateLimitError) as caught:
            free.completions.create(**{**asked, "n": 4})
        assert caught.value.response.headers["retry-after"] == "1"


def test_the_priority_of_a_body_decides_who_is_next(server: RunningServer) -> None:
    completions = client(server, "free").completions
    order = []

    def ask(priority: int) -> None:
        body = {"ignore_eos": True, "priority": priority}
        completions.create(**{**COUNTED, "prompt": [5], "max_tokens": 20, "extra_body": body})
        order.append(priority)

    def waiting(count: int) -> bool:
        return metric(server, "grps_model_waiting_sequences", model="smol-1.0.0") == count

    urgent = {"ignore_eos": True, "priority": 0}
    asked: dict[str, Any] = {"prompt": [5], "max_tokens": 2000, "stream": True}
    with (
        ThreadPoolExecutor(2) as threads,
        completions.create(**{**COUNTED, **asked, "extra_body": urgent}) as running,
    ):
        next(iter(running))
        threads.submit(ask, 1)
        wait_until(lambda: waiting(1), "the one that is not urgent waits")
        threads.submit(ask, -3)
        wait_until(lambda: waiting(2), "the urgent one waits")
    assert order == [-3, 1]
