"""The tokenizer of a GGUF file, as a ``tokenizer.json`` describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from grps.errors import ModelError

_CONTROL, _USER_DEFINED = 3, 4
"""Types of tokens that are not split: those with a meaning of their own, and added text."""
_ADDED = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
_CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}


def _split(pattern: str) -> list[dict[str, Any]]:
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    return [split, {**_BYTES, "use_regex": False}]


_DIGITS = [{"type": "Digits", "individual_digits": True}, {**_BYTES, "use_regex": True}]
_GPT2 = [{**_BYTES, "use_regex": True}]
_QWEN2 = _split(rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}|{_REST}")
_LLAMA3 = _split(rf"{_CONTRACTIONS}|{_WORDS}|\p{{N}}{{1,3}}|{_REST}")
_PRE_TOKENIZERS: Mapping[str, list[dict[str, Any]]] = {
    "default": _GPT2,
    "gpt-2": _GPT2,
    "smollm": _DIGITS,
    "qwen2": _QWEN2,
    "llama-bpe": _LLAMA3,
    "llama3": _LLAMA3,
    "llama-v3": _LLAMA3,
}
"""How text is split before its pieces become tokens, by ``tokenizer.ggml.pre``."""
_NORMALIZED = frozenset({"qwen2"})
"""Those whose text is normalized to NFC before."""
_LLAMA3_NAMES = frozenset({"llama-bpe", "llama3", "llama-v3"})
"""Those of Llama 3: a piece of text that is a token is not merged, and a text has a first token."""


def tokenizer_json(metadata: Mapping[str, Any]) -> str:
    """Return the text of the ``tokenizer.json`` of a GGUF file.

    Args:
        metadata: Its metadata.

    Raises:
        ModelError: The file has no tokenizer, or one of a kind that is not known here.
    """
    kind = metadata.get("tokenizer.ggml.model")
    tokens = metadata.get("tokenizer.ggml.tokens")
    if not tokens:
        raise ModelError("the file has no tokenizer")
    if kind != "gpt2":
        raise ModelError(
            f"the tokenizer is of kind {kind!r}; only 'gpt2' is read from the file. Give "
            "inferer_args.tokenizer, the path of the model's tokenizer.json"
        )
    pre = metadata.get("tokenizer.ggml.pre", "default")
    if pre not in _PRE_TOKENIZERS:
        raise ModelError(
            f"the tokenizer splits text as {pre!r}, which is not known here; give "
            "inferer_args.tokenizer, the path of the model's tokenizer.json"
        )
    document = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": _added(metadata, tokens),
        "normalizer": {"type": "NFC"} if pre in _NORMALIZED else None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": _PRE_TOKENIZERS[pre]},
        "post_processor": _around(metadata, tokens),
        "decoder": {**_BYTES, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": pre in _LLAMA3_NAMES,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": metadata.get("tokenizer.ggml.merges", []),
        },
    }
    return json.dumps(document, ensure_ascii=False)


def _around(metadata: Mapping[str, Any], tokens: list[str]) -> dict[str, Any] | None:
    """Return what puts the special tokens around a text that the file asks for.

    Raises:
        ModelError: The file asks for a token that it does not have.
    """
    pre = metadata.get("tokenizer.ggml.pre")
    has_first = metadata.get("tokenizer.ggml.bos_token_id") is not None
    first = metadata.get("tokenizer.ggml.add_bos_token", pre in _LLAMA3_NAMES and has_first)
    before = [_special_token(metadata, tokens, "bos")] if first else []
    last = metadata.get("tokenizer.ggml.add_eos_token", False)
    after = [_special_token(metadata, tokens, "eos")] if last else []
    if not before and not after:
        return None

    def piece(number: int) -> dict[str, Any]:
        return {"SpecialToken": {"id": tokens[number], "type_id": 0}}

    def texts(*names: str) -> list[dict[str, Any]]:
        inner = [{"Sequence": {"id": name, "type_id": 0}} for name in names]
        return [*map(piece, before), *inner, *map(piece, after)]

    return {
        "type": "TemplateProcessing",
        "single": texts("A"),
        "pair": texts("A", "B"),
        "special_tokens": {
            tokens[number]: {"id": tokens[number], "ids": [number], "tokens": [tokens[number]]}
            for number in {*before, *after}
        },
    }


def _special_token(metadata: Mapping[str, Any], tokens: list[str], name: str) -> int:
    number = metadata.get(f"tokenizer.ggml.{name}_token_id")
    if not isinstance(number, int) or not 0 <= number < len(tokens):
        raise ModelError(
            f"tokenizer.ggml.add_{name}_token is true, but {name}_token_id is {number!r}, none of "
            f"the {len(tokens)} tokens; give inferer_args.tokenizer, the path of the model's "
            "tokenizer.json"
        )
    return number


def _added(metadata: Mapping[str, Any], tokens: list[str]) -> list[dict[str, Any]]:
    kinds = metadata.get("tokenizer.ggml.token_type") or []
    added = []
    for number, (token, kind) in enumerate(zip(tokens, kinds, strict=False)):
        if kind in (_CONTROL, _USER_DEFINED):
            special = kind == _CONTROL
            added.append({"id": number, "content": token, "special": special, **_ADDED})
    return added
