"""Embeddings of a real model, with OpenAI's own client, against the network in PyTorch."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import openai
import pytest
import requests
from tokenizers import Tokenizer

from tests.integration.language.calls import refused
from tests.integration.language.models import minilm_path
from tests.support import GUARD_S, RunningServer, serving, write_project
from tests.text_networks.bert import Bert, read_weights

MODEL = minilm_path()
LENGTH, WIDTH = 256, 384
TEXTS = [
    "The cat sits on the mat.",
    "A feline rests on a rug.",
    "Stock markets fell on Monday after a long and nervous week of trading.",
    "Ünïcödé und 中文",
]
CLOSE = 1e-5
LAYERS, HEADS = 6, 12


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    model = {
        "name": "minilm",
        "version": "1.0.0",
        "inferer_type": "openvino",
        "inferer_path": str(MODEL),
        "converter_type": "numpy",
    }
    batching = {
        "type": "dynamic",
        "max_batch_size": 8,
        "padding": {"sizes": [16, 32, 64], "axes": [1], "cut_outputs": False},
    }
    short = {
        **model,
        "name": "short",
        "batching": batching,
        "inferer_args": {"matryoshka": True, "max_length": 16},
    }
    plain = {"name": "plain", "version": "1.0.0", "inferer_type": "identity"}
    folder = tmp_path_factory.mktemp("embeddings")
    with serving(write_project(folder, [model, short, plain])) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: RunningServer) -> openai.OpenAI:
    url = server.url("/v1")
    return openai.OpenAI(base_url=url, api_key="none", timeout=GUARD_S, max_retries=0)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    found = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    found.no_padding()
    found.no_truncation()
    return found


@pytest.fixture(scope="module")
def expected(tokenizer: Tokenizer) -> list[np.ndarray]:
    config = json.loads((MODEL / "config.json").read_text())
    bert = Bert(read_weights(MODEL / "model.safetensors"), LAYERS, HEADS)
    assert config["num_hidden_layers"] == LAYERS
    return [bert.embedding(tokenizer.encode(text).ids).numpy() for text in TEXTS]


def post(server: RunningServer, body: Any, path: str = "/v1/embeddings") -> requests.Response:
    return requests.post(server.url(path), json=body, timeout=GUARD_S)


def embeddings(answer: requests.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.array([one["embedding"] for one in answer.json()["data"]], np.float32)


def test_embeddings_are_those_of_the_network(
    client: openai.OpenAI, tokenizer: Tokenizer, expected: Sequence[np.ndarray]
) -> None:
    answer = client.embeddings.create(model="minilm", input=TEXTS)
    found = np.array([one.embedding for one in answer.data])
    np.testing.assert_allclose(found, expected, atol=CLOSE)
    assert [one.index for one in answer.data] == [0, 1, 2, 3]
    assert answer.usage.prompt_tokens == sum(len(tokenizer.encode(text).ids) for text in TEXTS)
    assert answer.usage.total_tokens == answer.usage.prompt_tokens
    assert found[0] @ found[1] > found[0] @ found[2] + 0.3


def test_inputs_and_encodings_of_all_forms_are_alike(
    server: RunningServer, client: openai.OpenAI, tokenizer: Tokenizer
) -> None:
    tokens = tokenizer.encode(TEXTS[0]).ids
    inputs: list[Any] = [TEXTS[0], [TEXTS[0]], tokens, [tokens]]
    raw = [embeddings(post(server, {"model": "minilm", "input": one})) for one in inputs]
    with_client = client.embeddings.create(
        model="minilm", input=TEXTS[0], encoding_format="base64", dimensions=WIDTH
    )
    for one in raw:
        assert one.shape == (1, WIDTH)
        np.testing.assert_array_equal(one, raw[0])
    text: Any = with_client.data[0].embedding
    decoded = np.frombuffer(b64decode(text), "<f4")
    np.testing.assert_array_equal(decoded, raw[0][0])


def test_callers_share_batches_and_get_what_is_theirs(
    server: RunningServer, expected: Sequence[np.ndarray]
) -> None:
    def embed(index: int) -> np.ndarray:
        body = {"model": "short", "input": TEXTS[index % 2], "truncate_prompt_tokens": -1}
        return embeddings(post(server, body))[0]

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(embed, range(48)))
    for index, one in enumerate(found):
        np.testing.assert_allclose(one, expected[index % 2], atol=CLOSE)


def test_many_inputs_keep_their_order(server: RunningServer, client: openai.OpenAI) -> None:
    inputs = [f"{'word ' * (index % 40)}{index}" for index in range(100)]
    answer = client.embeddings.create(model="minilm", input=inputs)
    together = np.array([one.embedding for one in answer.data])
    for index in (0, 39, 99):
        alone = embeddings(post(server, {"model": "minilm", "input": inputs[index]}))[0]
        np.testing.assert_allclose(together[index], alone, atol=CLOSE)


def test_a_text_may_have_as_many_tokens_as_the_model_takes(server: RunningServer) -> None:
    fits = {"model": "minilm", "input": "a " * (LENGTH - 2)}
    answer = post(server, fits)
    assert answer.json()["usage"]["prompt_tokens"] == LENGTH
    longer = {**fits, "input": ["a", "a " * (LENGTH - 1)]}
    error = refused(post(server, longer))
    assert error["code"] == "context_length_exceeded"
    assert error["param"] == "input[1]"
    assert f"{LENGTH} tokens" in error["message"] and f"has {LENGTH + 1}" in error["message"]
    cut = post(server, {**longer, "truncate_prompt_tokens": -1})
    np.testing.assert_allclose(embeddings(cut)[1], embeddings(answer)[0], atol=CLOSE)
    shorter = post(server, {**longer, "truncate_prompt_tokens": 4})
    assert shorter.json()["usage"]["prompt_tokens"] == 3 + 4


def test_the_bytes_of_a_text_are_limited(server: RunningServer) -> None:
    most = {"model": "minilm", "input": "a" + " " * ((1 << 20) - 1)}
    assert post(server, most).json()["usage"]["prompt_tokens"] == 3
    error = refused(post(server, {**most, "input": most["input"] + " "}))
    assert error["message"] == "'input' has 1048577 bytes, at most 1048576 are allowed."


def test_dimensions_are_cut_where_the_model_allows_it(
    server: RunningServer, expected: Sequence[np.ndarray]
) -> None:
    wanted = {"model": "short", "input": TEXTS[0], "dimensions": 8}
    [found] = embeddings(post(server, wanted))
    first = expected[0][:8]
    np.testing.assert_allclose(found, first / np.linalg.norm(first), atol=CLOSE)
    error = refused(post(server, {**wanted, "model": "minilm"}))
    assert error["param"] == "dimensions" and f"have {WIDTH}" in error["message"]
    error = refused(post(server, {**wanted, "dimensions": WIDTH + 1}))
    assert error["message"] == f"'dimensions' is {WIDTH + 1}, at most {WIDTH} are possible."


@pytest.mark.parametrize(
    ("changes", "param", "message"),
    [
        ({"input": []}, "input", "'input' is empty."),
        ({"input": [[]]}, "input[0]", "'input[0]' is empty."),
        ({"input": {}}, "input", "must be a string or an array, not an object"),
        ({"input": [30522]}, "input", "Token 30522 is none of the model, which has 30522 tokens."),
        ({"encoding_format": "int8"}, "encoding_format", "'int8' is none of"),
        ({"dimensions": 0}, "dimensions", "'dimensions' must be from 1"),
        ({"truncate_prompt_tokens": 0}, "truncate_prompt_tokens", "must be -1, or 1 or more"),
        ({"truncate_prompt_tokens": 257}, "truncate_prompt_tokens", "the model takes 256 tokens"),
        ({"truncate_prompt_tokens": 2}, "input", "2 tokens have no room for 2"),
        (
            {"model": "plain"},
            "model",
            "'plain' makes no embeddings. Models that can: minilm, short.",
        ),
    ],
)
def test_what_is_wrong_is_named(
    server: RunningServer, changes: dict[str, Any], param: str, message: str
) -> None:
    error = refused(post(server, {"model": "minilm", "input": "a", **changes}))
    assert error["param"] == param and message in error["message"]


def test_an_unknown_model_is_not_found(server: RunningServer) -> None:
    error = refused(post(server, {"model": "none", "input": "a"}), 404)
    assert error["code"] == "model_not_found" and "minilm, short" in error["message"]
    chat = {"model": "minilm", "messages": [{"role": "user", "content": "a"}]}
    refused(post(server, chat, "/v1/chat/completions"), 404)


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank"])
def test_a_model_that_embeds_ranks_by_cosines(
    server: RunningServer, expected: Sequence[np.ndarray], path: str
) -> None:
    asked = {"model": "minilm", "query": TEXTS[0], "documents": [TEXTS[2], TEXTS[1]], "top_n": 1}
    [best] = post(server, asked, path).json()["results"]
    assert (best["index"], best["document"]) == (1, {"text": TEXTS[1]})
    assert best["relevance_score"] == pytest.approx(float(expected[0] @ expected[1]), abs=CLOSE)


def test_the_models_are_listed(client: openai.OpenAI) -> None:
    assert [one.id for one in client.models.list()] == ["minilm", "short"]
