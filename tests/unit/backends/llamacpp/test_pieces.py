"""Bytes of tokens that llama.cpp reports together."""

from __future__ import annotations

import json

import pytest
from tokenizers.pre_tokenizers import ByteLevel

from grps.backends.llamacpp.pieces import Pieces, _byte_letters

CRAB = "🦀".encode()


def test_letters_are_those_of_tokenizers() -> None:
    assert set(_byte_letters()) == set(ByteLevel.alphabet())
    assert sorted(_byte_letters().values()) == list(range(256))


def of_bytes() -> Pieces:
    letters = {byte: letter for letter, byte in _byte_letters().items()}
    vocabulary = {letters[byte]: byte for byte in range(256)}
    joined = {"".join(letters[byte] for byte in CRAB[2:]): 256, "ab": 257}
    added = [{"id": 258, "content": "<|end|>"}]
    return Pieces(json.dumps({"added_tokens": added, "model": {"vocab": {**vocabulary, **joined}}}))


@pytest.mark.parametrize(
    ("text", "token", "lost"),
    [
        ("🦀", CRAB[3], list(CRAB[:3])),
        ("🦀", 256, list(CRAB[:2])),
        ("ab", 257, []),
        ("b", ord("b"), []),
        ("", ord("b"), []),
        ("", 258, []),
        ("x", ord("b"), []),
    ],
)
def test_what_comes_before_the_last_token_is_not_lost(
    text: str, token: int, lost: list[int]
) -> None:
    assert of_bytes().lost(text, token) == lost


def test_tokens_of_bytes_of_the_other_kind() -> None:
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"▁a": 256}
    pieces = Pieces(json.dumps({"model": {"vocab": vocabulary}}))
    assert pieces.size == 257
    assert pieces.lost("🦀", CRAB[3]) == list(CRAB[:3])
    assert pieces.lost(" a", 256) == []
