"""What the service needs to know of models that make numbers of text, or text of sound."""

from __future__ import annotations

from pathlib import Path

from grps.backends.common.language.text_arguments import text_arguments
from grps.backends.common.language.text_files import text_files
from grps.backends.formats import reads_text
from grps.backends.table import ENGINES
from grps.config.schema import ModelConfig
from grps.converters.names import NAMES
from grps.inference.registry import inferer_register
from grps.inference.steps.model import StepModel
from grps.server.native import NativeText, NativeTranscriber


def text_of(config: ModelConfig, takes_tensors: bool) -> NativeText | None:
    """Return what front ends need to make tokens for a model; ``None`` for another model.

    Args:
        config: The model's configuration; the model is loaded.
        takes_tensors: Whether tensors get to it as they are.

    Raises:
        ModelError: Its files have changed since it was loaded, and can't be read any more.
    """
    if config.inferer_type not in ENGINES or not config.inferer_path or not takes_tensors:
        return None
    path = Path(config.inferer_path)
    if NAMES.has_built_in_converter(config) or not reads_text(path):
        return None
    files = text_files(path, text_arguments(config.inferer_args))
    return NativeText(
        tokenizer=files.tokenizer,
        max_length=files.max_length,
        ranks=files.ranks,
        is_matryoshka=files.matryoshka,
        is_normalized=files.normalizes,
        lowercase=files.lowercase,
        prefix=files.prefix,
    )


def transcriber_of(config: ModelConfig) -> NativeTranscriber | None:
    """Return what front ends need to send recordings to a model; ``None`` for another model.

    Args:
        config: The model's configuration; the model is loaded.
    """
    if not config.makes_steps or config.inferer_type != "customized" or config.steps.text is None:
        return None
    registered = inferer_register.get_model_inferer(config.inferer_name or "")
    declared = registered.transcriber if isinstance(registered, StepModel) else None
    if declared is None:
        return None
    return NativeTranscriber(
        max_seconds=declared.max_seconds,
        languages=declared.languages,
        takes_prompt="prompt" in declared.options,
        takes_temperature="temperature" in declared.options,
    )
