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
        "post_processor": None,
        "decoder": {**_BYTES, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": metadata.get("tokenizer.ggml.merges", []),
        },
    }
    return json.dumps(document, ensure_ascii=False)


def _added(metadata: Mapping[str, Any], tokens: list[str]) -> list[dict[str, Any]]:
    kinds = metadata.get("tokenizer.ggml.token_type") or []
    added = []
    for number, (token, kind) in enumerate(zip(tokens, kinds, strict=False)):
        if kind in (_CONTROL, _USER_DEFINED):
            special = kind == _CONTROL
            added.append({"id": number, "content": token, "special": special, **_ADDED})
    return added
