"""What the files of a language model say besides its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from grps.backends.common.language.gguf import read_metadata
from grps.backends.common.language.gguf_tokenizer import tokenizer_json
from grps.backends.common.language.json_files import read_json, read_text
from grps.errors import ModelError


@dataclass(frozen=True, slots=True)
class LanguageFiles:
    """What a language model needs besides its weights."""

    tokenizer: str
    """The text of its ``tokenizer.json``."""
    chat_template: str | None
    """Makes a prompt of messages; ``None`` for a model that is not made for chats."""
    special_tokens: Mapping[str, str]
    """Texts of ``bos_token``, ``eos_token`` and others, as the template names them."""
    end_tokens: tuple[int, ...]
    """Tokens that end a text."""
    context_length: int
    """Most tokens of a prompt and its answer together."""


def language_files(
    path: Path,
    tokenizer: str | None = None,
    chat_template: str | None = None,
    context_length: int | None = None,
) -> LanguageFiles:
    """Read what the files of a model say.

    Args:
        path: A GGUF file, or a directory in the form of Hugging Face.
        tokenizer: The path of another ``tokenizer.json``.
        chat_template: The path of another chat template.
        context_length: Most tokens of a prompt and its answer, where the files of a directory do
            not say it.

    Raises:
        ModelError: A file is missing or damaged.
    """
    if path.is_dir():
        files = _of_directory(path, tokenizer, context_length)
    else:
        files = _of_gguf(path, tokenizer)
    if chat_template is None:
        return files
    return replace(files, chat_template=read_text(Path(chat_template)))


def _of_gguf(path: Path, tokenizer: str | None) -> LanguageFiles:
    metadata = read_metadata(path)
    architecture = metadata.get("general.architecture")
    length = metadata.get(f"{architecture}.context_length")
    if not isinstance(length, int) or length < 1:
        raise ModelError(f"{path}: the file does not say how long the context is")
    tokens = metadata.get("tokenizer.ggml.tokens", [])
    numbers = {
        name: metadata.get(f"tokenizer.ggml.{key}_token_id")
        for name, key in (("bos_token", "bos"), ("eos_token", "eos"), ("eot_token", "eot"))
    }
    known = {name: number for name, number in numbers.items() if number is not None}
    if not all(0 <= number < len(tokens) for number in known.values()):
        raise ModelError(f"{path}: a special token is none of the {len(tokens)} tokens")
    ends = {known[name] for name in ("eos_token", "eot_token") if name in known}
    try:
        text = read_text(Path(tokenizer)) if tokenizer else tokenizer_json(metadata)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return LanguageFiles(
        tokenizer=text,
        chat_template=metadata.get("tokenizer.chat_template"),
        special_tokens={name: tokens[number] for name, number in known.items()},
        end_tokens=tuple(sorted(ends)),
        context_length=length,
    )


def _of_directory(path: Path, tokenizer: str | None, given: int | None) -> LanguageFiles:
    config = read_json(path / "config.json")
    described = read_json(path / "tokenizer_config.json")
    generation = read_json(path / "generation_config.json")
    length = given or config.get("max_position_embeddings")
    if not isinstance(length, int) or length < 1:
        raise ModelError(f"{path / 'config.json'}: max_position_embeddings is missing")
    ends = generation.get("eos_token_id", config.get("eos_token_id"))
    ends = ends if isinstance(ends, list) else [ends]
    template = path / "chat_template.jinja"
    return LanguageFiles(
        tokenizer=read_text(Path(tokenizer) if tokenizer else path / "tokenizer.json"),
        chat_template=read_text(template) if template.exists() else _template(described),
        special_tokens=_special(described),
        end_tokens=tuple(token for token in ends if isinstance(token, int)),
        context_length=length,
    )


def _template(described: Mapping[str, Any]) -> str | None:
    """Return the chat template of a ``tokenizer_config.json``: the only one, or the default one."""
    template = described.get("chat_template")
    if isinstance(template, list):
        named = {one.get("name"): one.get("template") for one in template}
        template = named.get("default")
    return template if isinstance(template, str) else None


def _special(described: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, value in described.items():
        if name.endswith("_token"):
            text = value.get("content") if isinstance(value, dict) else value
            if isinstance(text, str):
                found[name] = text
    return found
