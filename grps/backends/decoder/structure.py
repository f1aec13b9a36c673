"""What the text of a sequence must be, by masks of the tokens that may come next."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import llguidance
import llguidance.numpy
import numpy as np

from grps.errors import InputError, ModelError

_KINDS = ("json_schema", "regex", "grammar", "choice")
_MAX_BYTES = 64 << 10
_BITS = 32
_COMPACT: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""JSON as ``json.dumps`` writes it: a model that may write white space may write it without end."""


class Guide:
    """The structure of the text of one sequence, and how far it is."""

    def __init__(self, matcher: llguidance.LLMatcher, vocabulary: int) -> None:
        """Guide a sequence.

        Args:
            matcher: The structure.
            vocabulary: How many logits there are.
        """
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._mask = np.zeros((1, -(-vocabulary // _BITS)), np.int32)

    def allowed(self) -> np.ndarray:
        """Return which tokens may come next, a bool for each.

        Raises:
            ModelError: None may, or that takes too long to find out.
        """
        llguidance.numpy.fill_next_token_bitmask(self._matcher, self._mask)
        self._check()
        bits = np.unpackbits(self._mask.view(np.uint8), bitorder="little")
        allowed = bits[: self._vocabulary].astype(bool)
        if not allowed.any():
            raise ModelError("no token goes on with the structure that was asked for")
        return allowed

    def take(self, token: int) -> bool:
        """Go on by a token; return whether the text is complete.

        Raises:
            ModelError: The structure became too complex.
        """
        self._matcher.consume_token(token)
        self._check()
        return self._matcher.is_stopped()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise ModelError(f"structured output: {_first_line(self._matcher.get_error())}")


class Structures:
    """Makes guides; the tokenizer is read when the first one is asked for."""

    def __init__(self, tokenizer: str, end_tokens: tuple[int, ...], vocabulary: int) -> None:
        """Guide sequences of one model.

        Args:
            tokenizer: The text of its ``tokenizer.json``.
            end_tokens: Tokens that end a text.
            vocabulary: How many logits there are.
        """
        self._text = tokenizer
        self._end_tokens = end_tokens
        self._vocabulary = vocabulary
        self._tokenizer: llguidance.LLTokenizer | None = None

    def guide(self, inputs: Mapping[str, np.ndarray]) -> Guide | None:
        """Return what guides a sequence; ``None`` for any text.

        Args:
            inputs: The inputs of its request.

        Raises:
            InputError: What it asks for is wrong.
            ModelError: The tokenizer can't be read.
        """
        given = [name for name in _KINDS if name in inputs]
        if not given:
            return None
        if len(given) > 1:
            raise InputError(f"{given[0]} and {given[1]} can't be used together")
        grammar = _grammar(given[0], [str(text) for text in np.ravel(inputs[given[0]])])
        matcher = llguidance.LLMatcher(self._read_tokenizer(), grammar, log_level=0)
        if matcher.is_error():
            raise InputError(f"{given[0]}: {_first_line(matcher.get_error())}")
        guide = Guide(matcher, self._vocabulary)
        try:
            guide.allowed()
        except ModelError as error:
            raise InputError(f"{given[0]}: no text has this structure ({error})") from error
        return guide

    def _read_tokenizer(self) -> llguidance.LLTokenizer:
        if self._tokenizer is None:
            ends = list(self._end_tokens) or None
            try:
                self._tokenizer = llguidance.LLTokenizer(self._text, self._vocabulary, ends)
            except ValueError as error:
                raise ModelError(
                    f"structured output needs a tokenizer that can be read: {_first_line(error)}"
                ) from error
        return self._tokenizer


def _grammar(kind: str, texts: list[str]) -> str:
    """Return what the text must be in the form of the library."""
    if sum(len(text.encode()) for text in texts) > _MAX_BYTES:
        raise InputError(f"{kind} has more than {_MAX_BYTES} bytes")
    if not texts or not all(texts):
        raise InputError(f"{kind} needs texts that are not empty")
    if kind != "choice" and len(texts) > 1:
        raise InputError(f"{kind} has {len(texts)} texts; it needs one")
    if kind == "choice":
        words = " | ".join(json.dumps(text, ensure_ascii=False) for text in texts)
        return llguidance.LLMatcher.grammar_from_lark(f"start: {words}")
    [text] = texts
    if kind == "regex":
        return llguidance.LLMatcher.grammar_from_regex(text)
    try:
        if kind == "grammar":
            return llguidance.grammar_from("grammar", text)
        return llguidance.LLMatcher.grammar_from_json_schema(text, defaults=_COMPACT)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{kind}: {_first_line(error)}") from error


def _first_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else "wrong"
