"""The metadata of GGUF files, whole and damaged, and the tokenizers in them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from grps.backends.common.language.gguf import read_metadata
from grps.backends.common.language.gguf_tokenizer import tokenizer_json
from grps.backends.common.language.model_files import language_files
from grps.errors import ModelError

_KINDS = {bool: (7, "?"), int: (4, "I"), float: (6, "f")}
BYTES = {byte: chr(byte + 256) if byte < 33 else chr(byte) for byte in range(127)}
"""How byte-level tokenizers write the bytes of ASCII."""


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value(one: Any) -> bytes:
    if isinstance(one, str):
        return struct.pack("<I", 8) + text(one)
    if isinstance(one, list):
        if one and isinstance(one[0], str):
            return struct.pack("<IIQ", 9, 8, len(one)) + b"".join(map(text, one))
        return struct.pack(f"<IIQ{len(one)}I", 9, 4, len(one), *one)
    number, code = _KINDS[type(one)]
    return struct.pack("<I" + code, number, one)


def gguf(metadata: Mapping[str, Any], version: int = 3) -> bytes:
    entries = b"".join(text(key) + value(one) for key, one in metadata.items())
    return b"GGUF" + struct.pack("<IQQ", version, 0, len(metadata)) + entries


TOKENS = [*BYTES.values(), "ab", "<|end|>", "<|begin|>"]
MODEL = {
    "general.architecture": "llama",
    "llama.context_length": 64,
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": "smollm",
    "tokenizer.ggml.tokens": TOKENS,
    "tokenizer.ggml.token_type": [*[1] * (len(TOKENS) - 2), 3, 3],
    "tokenizer.ggml.merges": ["a b"],
    "tokenizer.ggml.eos_token_id": len(TOKENS) - 2,
    "tokenizer.ggml.bos_token_id": len(TOKENS) - 1,
    "tokenizer.chat_template": "{{ messages }}",
}


def write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_metadata_is_read(tmp_path: Path, version: int) -> None:
    metadata = {"a": "x", "b": 7, "c": True, "d": 1.5, "e": ["x", "yz"], "f": [1, 2, 3]}
    assert read_metadata(write(tmp_path, gguf(metadata, version))) == metadata


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "too early"),
        (b"GGML" + bytes(20), "begins with other bytes"),
        (gguf({}, 1), "version 1"),
        (gguf({}, 4), "version 4"),
        (gguf({"a": "x"})[:-1], "too early"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 65_537), "the metadata has length 65537"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, (1 << 24) + 1), "a text has length 16777217"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 13), "type 13"),
        (
            b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", 9, 9, 1),
            "an array of type 9",
        ),
        (
            b"GGUF"
            + struct.pack("<IQQ", 3, 0, 1)
            + text("a")
            + struct.pack("<IIQ", 9, 4, (1 << 22) + 1),
            "an array has length 4194305",
        ),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ModelError, match=words):
        read_metadata(write(tmp_path, data))


@given(st.integers(0, 400), st.binary(max_size=16))
def test_no_bytes_raise_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: int, noise: bytes
) -> None:
    whole = bytearray(gguf({key: one for key, one in MODEL.items() if key[0] != "x"}))
    whole[place : place + len(noise)] = noise
    path = write(tmp_path_factory.mktemp("fuzz"), bytes(whole))
    with suppress(ModelError):
        read_metadata(path)


def test_the_tokenizer_reads_and_writes_text() -> None:
    tokenizer = Tokenizer.from_str(tokenizer_json(MODEL))
    encoded = tokenizer.encode("<|begin|>ab 12", add_special_tokens=False)
    begin, merged = len(TOKENS) - 1, TOKENS.index("ab")
    assert encoded.ids == [begin, merged, 32, ord("1"), ord("2")]
    assert tokenizer.decode(encoded.ids, skip_special_tokens=True) == "ab 12"


BEGIN, END = len(TOKENS) - 1, len(TOKENS) - 2
FIRST, LAST = "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token"


@pytest.mark.parametrize(
    ("changes", "before", "after"),
    [
        ({}, [], []),
        ({FIRST: False, LAST: False}, [], []),
        ({FIRST: True}, [BEGIN], []),
        ({LAST: True}, [], [END]),
        ({FIRST: True, LAST: True}, [BEGIN], [END]),
        ({"tokenizer.ggml.pre": "llama-bpe"}, [BEGIN], []),
        ({"tokenizer.ggml.pre": "llama3"}, [BEGIN], []),
        ({"tokenizer.ggml.pre": "llama-v3", FIRST: False}, [], []),
    ],
)
def test_a_text_gets_the_special_tokens_that_the_file_asks_for(
    changes: dict[str, Any], before: list[int], after: list[int]
) -> None:
    tokenizer = Tokenizer.from_str(tokenizer_json({**MODEL, **changes}))
    merged = TOKENS.index("ab")
    assert tokenizer.encode("ab").ids == [*before, merged, *after]
    assert tokenizer.encode("ab", add_special_tokens=False).ids == [merged]


def test_llama3_without_a_first_token_adds_none() -> None:
    metadata = {**MODEL, "tokenizer.ggml.pre": "llama3"}
    del metadata["tokenizer.ggml.bos_token_id"]
    assert Tokenizer.from_str(tokenizer_json(metadata)).encode("ab").ids == [TOKENS.index("ab")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({FIRST: True, "tokenizer.ggml.bos_token_id": None}, "bos_token_id is None"),
        ({LAST: True, "tokenizer.ggml.eos_token_id": len(TOKENS)}, "eos_token_id is 130, none of"),
    ],
)
def test_special_tokens_that_are_missing_are_said(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        tokenizer_json({**MODEL, **changes})


@pytest.mark.parametrize(("pre", "ids"), [("llama3", ["abc"]), ("gpt-2", ["ab", "c"])])
def test_llama3_takes_a_piece_that_is_a_token_as_it_is(pre: str, ids: list[str]) -> None:
    tokens = [*BYTES.values(), "ab", "abc"]
    metadata = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.merges": ["a b"],
    }
    encoded = Tokenizer.from_str(tokenizer_json(metadata)).encode("abc")
    assert encoded.tokens == ids


def test_the_files_say_what_a_model_needs(tmp_path: Path) -> None:
    files = language_files(write(tmp_path, gguf(MODEL)), None)
    assert files.context_length == 64
    assert files.end_tokens == (len(TOKENS) - 2,)
    assert files.special_tokens == {"bos_token": "<|begin|>", "eos_token": "<|end|>"}
    assert files.chat_template == "{{ messages }}"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tokenizer.ggml.pre": "none-such"}, "splits text as 'none-such'"),
        ({"tokenizer.ggml.model": "bert"}, "of kind 'bert'"),
        ({"tokenizer.ggml.tokens": []}, "no tokenizer"),
        ({"tokenizer.ggml.eos_token_id": len(TOKENS)}, "none of the"),
        ({"llama.context_length": 0}, "how long the context is"),
    ],
)
def test_what_is_not_known_is_said(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    metadata = {**MODEL, **changes}
    if changes.get("tokenizer.ggml.tokens") == []:
        del metadata["tokenizer.ggml.eos_token_id"], metadata["tokenizer.ggml.bos_token_id"]
    with pytest.raises(ModelError, match=words):
        language_files(write(tmp_path, gguf(metadata)), None)


def test_a_directory_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(tokenizer_json(MODEL))
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 32}))
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [5, 6]}))
    described = {
        "bos_token": "<s>",
        "eos_token": {"content": "</s>"},
        "chat_template": [{"name": "default", "template": "T"}],
    }
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(described))
    files = language_files(tmp_path, None)
    assert (files.context_length, files.end_tokens, files.chat_template) == (32, (5, 6), "T")
    assert files.special_tokens == {"bos_token": "<s>", "eos_token": "</s>"}
    (tmp_path / "chat_template.jinja").write_text("J")
    assert language_files(tmp_path, None).chat_template == "J"
    (tmp_path / "config.json").write_text("[]")
    with pytest.raises(ModelError, match="not a JSON object"):
        language_files(tmp_path, None)
