"""What the files of a model say that makes an embedding of a text, or a score of two texts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from grps.backends.common.language.json_files import read_json, read_json_list, read_text
from grps.errors import ModelError

Pooling = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "lasttoken"]
"""How the vectors of the tokens become one, in the words of ``sentence-transformers``."""

POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
"""All of them."""

_TRANSFORMER, _POOLING, _NORMALIZE = "Transformer", "Pooling", "Normalize"
_RANKS = "ForSequenceClassification"
_ENCODERS = ("Bert", "Roberta", "XLMRoberta")
_ACTIVATIONS = {"Sigmoid": True, "Identity": False}
_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_lasttoken": "lasttoken",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFiles:
    """What is known of a text model besides its network."""

    folder: Path
    """The directory with the network."""
    config: Mapping[str, Any]
    """Its ``config.json``."""
    tokenizer: str
    """The text of its ``tokenizer.json``."""
    max_length: int
    """Most tokens of a text, or of two."""
    ranks: bool
    """Whether it makes a score of two texts; else an embedding of one."""
    lowercase: bool
    """Whether text is made lower case before the tokenizer reads it."""
    prefix: str
    """What is put before each text."""
    pooling: Pooling
    normalizes: bool
    """Whether embeddings have the length 1."""
    matryoshka: bool
    """Whether the first numbers of an embedding are a shorter one."""
    sigmoid: bool
    """Whether scores are from 0 to 1."""


class TextArguments(Protocol):
    """What ``inferer_args`` say in place of the files of a model."""

    @property
    def pooling(self) -> Pooling | None:
        """How the vectors of the tokens become one."""

    @property
    def normalize(self) -> bool | None:
        """Whether embeddings have the length 1."""

    @property
    def max_length(self) -> int | None:
        """Most tokens of a text; at most what the network takes."""

    @property
    def matryoshka(self) -> bool:
        """Whether the first numbers of an embedding are a shorter one."""


def is_text_model(path: Path) -> bool:
    """Return whether a directory has a model of the form of ``sentence-transformers``."""
    if (path / "modules.json").is_file():
        return True
    if not (path / "tokenizer.json").is_file():
        return False
    try:
        names = read_json(path / "config.json").get("architectures") or []
    except ModelError:
        return False
    kinds = (f"{encoder}{end}" for encoder in _ENCODERS for end in ("Model", _RANKS))
    return isinstance(names, list) and any(kind in names for kind in kinds)


def text_files(path: Path, arguments: TextArguments) -> TextFiles:
    """Read what the files of a model say.

    Args:
        path: A directory in the form of ``sentence-transformers`` or Hugging Face.
        arguments: What is said in place of the files.

    Raises:
        ModelError: A file is missing, damaged, or says something that is not supported.
    """
    modules = _modules(path)
    folder = path / modules[_TRANSFORMER]
    config = read_json(folder / "config.json")
    if not config:
        raise ModelError(f"{folder / 'config.json'}: the file is missing")
    ranks = any(str(name).endswith(_RANKS) for name in config.get("architectures") or [])
    if ranks and (count := _label_count(config)) != 1:
        raise ModelError(f"{folder / 'config.json'}: {count} labels; a score needs exactly 1")
    sentence = read_json(folder / "sentence_bert_config.json")
    given = arguments.normalize
    return TextFiles(
        folder=folder,
        config=config,
        tokenizer=read_text(folder / "tokenizer.json"),
        max_length=_length(folder, config, sentence, arguments.max_length),
        ranks=ranks,
        lowercase=sentence.get("do_lower_case") is True,
        prefix=_prefix(path),
        pooling=arguments.pooling or _pooling(path, modules.get(_POOLING)),
        normalizes=_NORMALIZE in modules if given is None else given,
        matryoshka=arguments.matryoshka,
        sigmoid=_activation(path, config),
    )


def _modules(path: Path) -> dict[str, str]:
    """Return the directories of the model's modules by their kinds."""
    found = {}
    for module in read_json_list(path / "modules.json"):
        kind = str(module.get("type", "")).rpartition(".")[2]
        if kind not in (_TRANSFORMER, _POOLING, _NORMALIZE):
            raise ModelError(f"{path / 'modules.json'}: modules of type {kind!r} are not supported")
        inner = Path(str(module.get("path", "")))
        if inner.is_absolute() or ".." in inner.parts:
            raise ModelError(f"{path / 'modules.json'}: {inner} is outside of the directory")
        found[kind] = str(inner)
    return {_TRANSFORMER: "", **found}


def _label_count(config: Mapping[str, Any]) -> int:
    labels = config.get("id2label")
    return len(labels) if isinstance(labels, dict) else int(config.get("num_labels", 2))


def _length(
    folder: Path, config: Mapping[str, Any], sentence: Mapping[str, Any], given: int | None
) -> int:
    """Return the most tokens of a text: what is given or what the files say, as far as it fits."""
    most = config.get("max_position_embeddings")
    if not isinstance(most, int) or most < 1:
        raise ModelError(f"{folder / 'config.json'}: max_position_embeddings is missing")
    if "roberta" in str(config.get("model_type")):
        # Positions are counted from behind the number of the padding.
        most -= int(config.get("pad_token_id", 1)) + 1
    if given is not None:
        if given > most:
            problem = f"max_length {given} is more than the {most} tokens that the network takes"
            raise ModelError(f"inferer_args: {problem}")
        return given
    described = read_json(folder / "tokenizer_config.json").get("model_max_length")
    said = sentence.get("max_seq_length") or described
    if isinstance(said, int | float) and math.isfinite(said) and 0 < said < most:
        return int(said)
    return most


def _pooling(path: Path, folder: str | None) -> Pooling:
    if folder is None:
        return "mean"  # what sentence-transformers does with a network alone
    file = path / folder / "config.json"
    config = read_json(file)
    modes = [mode for key, mode in _MODES.items() if config.get(key) is True]
    mode = config.get("pooling_mode", modes[0] if len(modes) == 1 else None)
    if config.get("include_prompt") is False and _prefix(path):
        raise ModelError(f"{file}: pooling without the prompt is not supported")
    for known in POOLINGS:
        if mode == known:
            return known
    said = mode or ", ".join(modes) or "nothing"
    raise ModelError(
        f"{file}: pooling by {said} is not supported; inferer_args.pooling can be one of "
        f"{', '.join(POOLINGS)}"
    )


def _prefix(path: Path) -> str:
    """Return the prompt that ``sentence-transformers`` puts before each text by default."""
    said = read_json(path / "config_sentence_transformers.json")
    prompts, name = said.get("prompts"), said.get("default_prompt_name")
    if not isinstance(prompts, dict) or name is None:
        return ""
    return str(prompts.get(name, ""))


def _activation(path: Path, config: Mapping[str, Any]) -> bool:
    """Return whether scores are made by a sigmoid, as those of one label are by default."""
    inner = config.get("sentence_transformers")
    said = inner.get("activation_fn") if isinstance(inner, dict) else None
    said = said or config.get("sbert_ce_default_activation_function") or "Sigmoid"
    name = str(said).rpartition(".")[2]
    if name not in _ACTIVATIONS:
        raise ModelError(
            f"{path / 'config.json'}: the activation {said} is not supported; "
            f"supported: {', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]
