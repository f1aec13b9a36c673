"""Documents ranked by a model that scores pairs of texts, against the network in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tokenizers import Tokenizer

from tests.support import GUARD_S, RunningServer, serving, write_project
from tests.text_networks.bert import Bert, read_weights
from tests.text_networks.tiny import TinyModel, save_tiny

QUERY = "cat sleeps"
DOCUMENTS = ["a dog runs", "a cat", "b c a b c a b c", "sleeps", "a dog runs"]
LENGTH = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ranker")
    save_tiny(made, TinyModel(ranks=True))
    return made


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[RunningServer]:
    model = {
        "name": "ranker",
        "version": "1.0.0",
        "inferer_type": "openvino",
        "inferer_path": str(folder),
        "converter_type": "numpy",
    }
    with serving(write_project(tmp_path_factory.mktemp("rerank"), [model])) as running:
        yield running


@pytest.fixture(scope="module")
def scores(folder: Path) -> list[float]:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    bert = Bert(read_weights(folder / "model.safetensors"), layers=2, heads=2)
    pairs = [tokenizer.encode(QUERY, document) for document in DOCUMENTS]
    return [bert.score(pair.ids, pair.type_ids) for pair in pairs]


def post(server: RunningServer, **changes: Any) -> requests.Response:
    body = {"model": "ranker", "query": QUERY, "documents": DOCUMENTS, **changes}
    return requests.post(server.url("/v1/rerank"), json=body, timeout=GUARD_S)


def test_documents_are_ranked_by_the_scores_of_the_network(
    server: RunningServer, scores: list[float]
) -> None:
    answer = post(server).json()
    best = sorted(range(len(scores)), key=lambda index: -scores[index])
    assert [one["index"] for one in answer["results"]] == best
    assert [one["relevance_score"] for one in answer["results"]] == pytest.approx(
        [scores[index] for index in best], abs=1e-5
    )
    assert [one["document"]["text"] for one in answer["results"]] == [DOCUMENTS[i] for i in best]
    words = sum(len(document.split()) for document in DOCUMENTS)
    assert answer["usage"]["total_tokens"] == words + len(DOCUMENTS) * (2 + 3)


def test_fewer_documents_without_their_texts(server: RunningServer, scores: list[float]) -> None:
    documents = [{"text": document} for document in DOCUMENTS]
    answer = post(server, documents=documents, top_n=2, return_documents=False).json()
    assert len(answer["results"]) == 2
    assert answer["results"][0]["relevance_score"] == pytest.approx(max(scores), abs=1e-5)
    assert "document" not in answer["results"][0]


def test_a_pair_may_have_as_many_tokens_as_the_model_takes(server: RunningServer) -> None:
    room = LENGTH - 3 - 2
    fits = post(server, documents=["a " * room])
    assert fits.status_code == 200, fits.text
    longer = ["a", "a " * (room + 1)]
    error = post(server, documents=longer).json()["error"]
    assert error["param"] == "documents[1]"
    assert f"at most {LENGTH} tokens" in error["message"]
    assert f"has {LENGTH + 1}" in error["message"]
    cut = post(server, documents=longer, truncate_prompt_tokens=-1).json()["results"]
    found = next(one for one in cut if one["index"] == 1)
    score = fits.json()["results"][0]["relevance_score"]
    assert found["relevance_score"] == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize(
    ("changes", "param", "message"),
    [
        ({"query": ""}, "query", "'query' is empty"),
        ({"documents": []}, "documents", "has 0 items"),
        ({"documents": [7]}, "documents[0]", "must be an object, not a number"),
        ({"top_n": 0}, "top_n", "must be from 1"),
    ],
)
def test_what_is_wrong_is_named(
    server: RunningServer, changes: dict[str, Any], param: str, message: str
) -> None:
    answer = post(server, **changes)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"] == param and message in error["message"]


def test_a_model_that_ranks_makes_no_embeddings(server: RunningServer) -> None:
    body = {"model": "ranker", "input": "a"}
    answer = requests.post(server.url("/v1/embeddings"), json=body, timeout=GUARD_S)
    assert answer.status_code == 400
    message = answer.json()["error"]["message"]
    assert message == "The model 'ranker' makes no embeddings. Models that can: none."
