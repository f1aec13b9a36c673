"""The text of step models: whole answers, streams, stop strings, and why sequences end."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import requests
from tokenizers import Tokenizer

from tests.step_text_models import (
    END,
    WORD,
    Piece,
    TextClient,
    byte_tokenizer,
    fallback_tokenizer,
    inputs,
    text_model,
    write_text_project,
)
from tests.support import GUARD_S, RunningServer, serving, wait_until
from tests.tensors import arrays_of, gtensors

MODELS = [
    text_model("plain"),
    text_model("stops", {"stop": ["\nUser:", "<end>"]}),
    text_model("full", {"stop": [f"<{index}>" for index in range(16)]}),
    text_model("special", {"skip_special_tokens": False}),
    text_model("fallback", {"tokenizer": "fallback.json"}),
    text_model("short", steps={"max_steps": 5}),
    text_model("scored", inferer_name="scored"),
    text_model("wrong", inferer_name="wrong"),
    text_model("padded", inferer_name="padded", steps={"max_steps": 400}),
]
EVENTS = {"Accept": "text/event-stream"}
EMOJI = "👩‍👩‍👧‍👦"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = write_text_project(tmp_path_factory.mktemp("text"), MODELS)
    with serving(folder) as running:
        yield running


@pytest.fixture
def client(server: RunningServer, request: pytest.FixtureRequest) -> TextClient:
    return TextClient(server, getattr(request, "param", "plain"))


def tokens_of(text: str) -> list[int]:
    return list(text.encode())


def joined(pieces: list[Piece]) -> Piece:
    """What the pieces of a stream are together, after a check of each."""
    *first, last = pieces
    assert all(piece.text and piece.finish_reason is None for piece in first)
    assert last.finish_reason is not None
    return Piece(
        "".join(piece.text for piece in pieces),
        [token for piece in pieces for token in piece.tokens],
        [at for piece in pieces for at in piece.at],
        last.finish_reason,
    )


def everywhere(client: TextClient, tokens: list[int], stop: list[str] | None = None) -> Piece:
    """Ask in all ways, which must agree; return the answer."""
    whole = client.whole(tokens, stop)
    assert whole.at == list(range(len(whole.at)))
    assert whole.tokens == tokens[: len(whole.tokens)]
    assert client.whole_grpc(tokens, stop) == whole
    assert joined(client.stream(tokens, stop)) == whole
    assert joined(client.stream_grpc(tokens, stop)) == whole
    return whole


def test_a_whole_answer_and_streams_have_the_text(client: TextClient) -> None:
    tokens = [*tokens_of("Straße, "), WORD, END]
    found = everywhere(client, tokens)
    assert (found.text, found.tokens, found.finish_reason) == ("Straße, word 世界", tokens, "stop")


def test_no_chunk_has_a_part_of_a_character(client: TextClient) -> None:
    tokens = tokens_of(f"a{EMOJI}é")
    for pieces in client.stream(tokens), client.stream_grpc(tokens):
        assert [piece.text for piece in pieces] == [*f"a{EMOJI}é"]
        assert [len(piece.tokens) for piece in pieces] == [
            len(one.encode()) for one in f"a{EMOJI}é"
        ]
        assert pieces[-1].finish_reason == "stop"
    assert everywhere(client, tokens).text == f"a{EMOJI}é"


def test_events_have_the_same_chunks(server: RunningServer, client: TextClient) -> None:
    tokens = tokens_of(f"a{EMOJI}é")
    url = f"{server.url()}?model={client.model}&streaming=true"
    body = {"gtensors": gtensors(inputs(tokens, None, endless=False))}
    answer = requests.post(url, json=body, headers=EVENTS, timeout=GUARD_S)
    assert answer.headers["Content-Type"].startswith("text/event-stream")
    lines = answer.content.decode().splitlines()
    events = [json.loads(line.removeprefix("data:")) for line in lines if line[:5] == "data:"]
    found = [Piece.of(arrays_of(one["gtensors"])) for one in events if "gtensors" in one]
    assert found == client.stream(tokens)


def test_the_end_flushes_what_is_no_character(client: TextClient) -> None:
    tokens = tokens_of("a👩")[:-1]
    pieces = client.stream(tokens)
    assert [piece.text for piece in pieces] == ["a", "\ufffd"]
    assert pieces[-1].tokens == tokens[1:]
    assert everywhere(client, tokens).text == "a\ufffd"


def test_a_sequence_without_text_has_one_chunk(client: TextClient) -> None:
    (piece,) = client.stream([END, END])
    assert piece == Piece("", [END, END], [0, 1], "stop")
    assert everywhere(client, [END, END]) == piece


@pytest.mark.parametrize("client", ["special"], indirect=True)
def test_special_tokens_are_kept_if_the_model_says_so(client: TextClient) -> None:
    assert everywhere(client, [*tokens_of("a"), END]).text == "a</s>"


@pytest.mark.parametrize("client", ["short"], indirect=True)
def test_max_steps_is_a_length(client: TextClient) -> None:
    tokens = tokens_of("abcdefgh")
    found = everywhere(client, tokens)
    assert (found.text, found.finish_reason) == ("abcde", "length")
    assert everywhere(client, tokens[:5]).finish_reason == "stop", "at the limit"
    assert everywhere(client, tokens_of("ab👩")).text == "ab\ufffd"
    held = everywhere(client, tokens, ["efg"])
    assert (held.text, held.finish_reason) == ("abcde", "length"), "held back and flushed"
    assert client.ended_for("max_steps") == 12


@pytest.mark.parametrize(
    ("text", "stop", "expected", "steps"),
    [
        ("one two three", ["two"], "one ", 7),
        ("one two three", ["one"], "", 3),
        ("o", ["o"], "", 1),
        ("ababac...", ["abac"], "ab", 6),
        ("one two three", ["three", "wo", "two"], "one ", 7),
        ("one\n\ntwo", ["\n\n"], "one", 5),
        ("a👩b", ["👩"], "a", 5),
        ("one two three", ["threes"], "one two three", 13),
        ("one", [], "one", 3),
    ],
)
def test_stop_strings(
    client: TextClient, text: str, stop: list[str], expected: str, steps: int
) -> None:
    found = everywhere(client, tokens_of(text), stop)
    assert (found.text, len(found.tokens), found.finish_reason) == (expected, steps, "stop")


def test_what_may_begin_a_stop_string_comes_later(client: TextClient) -> None:
    pieces = client.stream(tokens_of("a<b</xy"), ["</x>"])
    assert [piece.text for piece in pieces] == ["a", "<b", "</xy"]
    assert [len(piece.tokens) for piece in pieces] == [1, 2, 4]
    pieces = client.stream(tokens_of("a</x>"), ["</x>"])
    assert [(piece.text, len(piece.tokens)) for piece in pieces] == [("a", 1), ("", 4)]


@pytest.mark.parametrize("client", ["stops"], indirect=True)
def test_stop_strings_of_the_model_and_of_the_request(client: TextClient) -> None:
    assert everywhere(client, tokens_of("Hi\nUser: x")).text == "Hi"
    assert everywhere(client, tokens_of("Hi<end>"), []).text == "Hi"
    assert everywhere(client, tokens_of("Hi there<end>"), ["the"]).text == "Hi "
    assert everywhere(client, tokens_of("Hi\nUser: the"), ["the"]).text == "Hi"


def test_a_stop_string_ends_the_sequence_once(client: TextClient) -> None:
    before, ended = client.ended_for("stop_string"), len(client.noted("ended"))
    tokens = tokens_of("a stop, then more" * 20)
    assert client.whole(tokens, ["stop"]).text == "a "
    wait_until(lambda: len(client.noted("ended")) > ended, "it ends")
    assert client.noted("ended")[ended:] == [str(len(tokens))]
    assert client.noted("rows").count(str(len(tokens))) == 6, "no step follows"
    assert client.ended_for("stop_string") == before + 1


@pytest.mark.parametrize(
    ("client", "stop", "cause"),
    [
        ("plain", ["x"] * 17, "input 'stop' has 17 stop strings, at most 16 are allowed"),
        ("stops", ["x"] * 15, "input 'stop' has 15 stop strings, at most 14 are allowed"),
        ("full", ["x"], "input 'stop' has 1 stop strings, at most 0 are allowed"),
        ("plain", ["x", "y" * 257], "stop string 1 has 257 bytes, at most 256 are allowed"),
        ("plain", ["é" * 128 + "x"], "stop string 0 has 257 bytes, at most 256 are allowed"),
        ("plain", ["x", ""], "stop string 1 is empty"),
    ],
    indirect=["client"],
)
def test_a_wrong_stop_string_is_the_clients_error(
    client: TextClient, stop: list[str], cause: str
) -> None:
    begun = len(client.noted("begun"))
    answer = client.post(tokens_of("abc"), stop)
    assert answer.status_code == 400
    assert cause in answer.json()["status"]["msg"]
    assert len(client.noted("begun")) == begun, "the model gets no such request"


def test_stop_strings_at_the_limits(server: RunningServer) -> None:
    client = TextClient(server, "plain")
    assert client.whole(tokens_of("abc"), ["x"] * 15 + ["c"]).text == "ab"
    longest = "é" * 128
    assert client.whole(tokens_of(f"a{longest}b"), [longest]).text == "a"
    assert TextClient(server, "stops").whole(tokens_of("abc"), ["x"] * 13 + ["c"]).text == "ab"
    assert TextClient(server, "full").whole(tokens_of("abc<15>"), []).text == "abc"


def test_stop_must_be_text(server: RunningServer) -> None:
    arrays = {**inputs(tokens_of("abc"), None, endless=False), "stop": np.array([1])}
    answer = server.post({"gtensors": gtensors(arrays)}, "?model=plain")
    assert answer.status_code == 400
    assert "model 'plain-1.0.0': input 'stop' is int64, not string" in answer.text


@pytest.mark.parametrize("client", ["wrong"], indirect=True)
@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        (1, "a step has no output 'token' (batching.steps.text.token_output)"),
        (2, "output 'token' of a step is float32 [1], not a whole number for each row"),
        (3, "output 'token' of a step is int32 [1, 2], not a whole number for each row"),
        (4, "output 'token' of a step has -4, which is no token"),
        (5, "output 'text' of a step has the name of an output of the service"),
        (6, "output 'finish_reason' of a step has the name of an output of the service"),
    ],
)
def test_outputs_without_a_token_fail(client: TextClient, kind: int, cause: str) -> None:
    answer = client.post([kind])
    assert answer.status_code == 500
    assert cause in answer.json()["status"]["msg"]
    assert client.arrays([7])["text"].tolist() == ["\x07"], "any integer of any shape"


@pytest.mark.parametrize(
    ("model", "tokenizer"), [("plain", byte_tokenizer()), ("fallback", fallback_tokenizer())]
)
def test_text_is_what_the_tokenizer_decodes(
    server: RunningServer, model: str, tokenizer: Tokenizer
) -> None:
    client, chosen = TextClient(server, model), random.Random(7)
    size = tokenizer.get_vocab_size()

    def check(tokens: list[int]) -> None:
        expected = tokenizer.decode(tokens)
        assert client.whole(tokens).text == expected
        assert joined(client.stream(tokens)).text == expected

    def some() -> list[int]:
        # Bytes of characters, and any tokens among them.
        text = "".join(chosen.choice(f"ab é{EMOJI}世") for _ in range(chosen.randrange(12)))
        shift = 0 if model == "plain" else 1
        found = [byte + shift for byte in text.encode()]
        for _ in range(chosen.randrange(8)):
            found.insert(chosen.randrange(len(found) + 1), chosen.randrange(size))
        return found or [chosen.randrange(size)]

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(check, [some() for _ in range(150)]))


@pytest.mark.parametrize("client", ["scored"], indirect=True)
def test_log_probabilities_come_beside_the_text(client: TextClient) -> None:
    tokens = tokens_of("aé")
    found = client.arrays(tokens)
    assert found["text"].tolist() == ["aé"]
    expected = 5 - np.log(np.exp(5) + 299)
    assert found["logprob"].tolist() == pytest.approx([expected] * 3, abs=1e-5)
    assert (found["top"].shape, found["top_logprob"].shape) == ((3, 3), (3, 3))
    assert found["top"][:, 0].tolist() == tokens
    assert found["top"][0, 1:].tolist() == [0, 1]
    assert found["top_logprob"][:, 0].tolist() == pytest.approx([expected] * 3, abs=1e-5)


@pytest.mark.parametrize("client", ["padded"], indirect=True)
def test_a_slow_reader_loses_nothing(server: RunningServer, client: TextClient) -> None:
    tokens = tokens_of(f"{EMOJI} reads slowly. " * 100)
    url = f"{server.url()}?model={client.model}&streaming=true"
    body = {"gtensors": gtensors(inputs(tokens, None, endless=False))}
    with requests.post(url, json=body, stream=True, timeout=GUARD_S) as answer:
        assert answer.status_code == 200
        # Others are served while its stream is full.
        assert client.whole(tokens_of("quick")).text == "quick"
        rows = len(client.noted("rows"))
        assert rows < 400, "it makes no step that its client can't take"
        content = answer.content.decode()
    assert '"length"' in content
    expected = bytes(tokens[:400]).decode(errors="replace")
    assert joined(client.stream(tokens)).text == expected
