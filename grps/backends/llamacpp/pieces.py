"""Tokens of characters that llama.cpp reports only as a part of a text."""

from __future__ import annotations

import json
import re
from typing import Any

_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def _byte_letters() -> dict[str, int]:
    """Return the bytes by the letters that tokenizers of the kind of GPT-2 write for them."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    letters = {chr(byte): byte for byte in printed}
    return letters | {chr(256 + number): byte for number, byte in enumerate(others)}


_LETTERS = _byte_letters()


class Pieces:
    """The bytes of tokens, and the tokens of single bytes."""

    def __init__(self, tokenizer: str) -> None:
        """Read the text of a ``tokenizer.json``."""
        document: dict[str, Any] = json.loads(tokenizer)
        vocabulary: dict[str, int] = document["model"]["vocab"]
        added = {one["id"] for one in document.get("added_tokens") or ()}
        self.size = max([*vocabulary.values(), *added]) + 1
        self._texts = {number: text for text, number in vocabulary.items() if number not in added}
        self._of_byte = {
            byte: number
            for number, text in self._texts.items()
            if len(found := self._bytes(text)) == 1
            for byte in found
        }

    def lost(self, text: str, token: int) -> list[int]:
        """Return tokens of the bytes of ``text`` that come before those of ``token``.

        llama.cpp reports text when its characters are whole, and with it the last token only.
        """
        data, own = text.encode(), self._bytes(self._texts.get(token, ""))
        if not own or len(data) <= len(own) or not data.endswith(own):
            return []
        return [self._of_byte[byte] for byte in data[: -len(own)] if byte in self._of_byte]

    @staticmethod
    def _bytes(text: str) -> bytes:
        if match := _BYTE.fullmatch(text):
            return bytes([int(match[1], 16)])
        if all(letter in _LETTERS for letter in text):
            return bytes(_LETTERS[letter] for letter in text)
        return text.replace("▁", " ").encode()
