"""What the text of a sequence must be, as the engine takes it.

A structure that the engine can't compile ends its whole pipeline, with the sequences of all other
clients. So only what it is known to compile is passed on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino_genai

from grps.backends.common.language.json_schema import checked_schema
from grps.errors import InputError


def structured_output(
    inputs: Mapping[str, np.ndarray],
) -> openvino_genai.StructuredOutputConfig | None:
    """Return the structure that a request asks for; ``None`` for any text.

    Raises:
        InputError: It is wrong, or the engine can't do it.
    """
    for name in ("regex", "grammar"):
        if name in inputs:
            raise InputError(f"the engine takes no {name}; use a JSON schema or a choice")
    given = [name for name in ("json_schema", "choice") if name in inputs]
    if len(given) > 1:
        raise InputError("json_schema and choice can't be used together")
    if given == ["choice"]:
        texts = [str(text) for text in np.ravel(inputs["choice"])]
        return openvino_genai.StructuredOutputConfig(regex=_any_of(texts))
    if given == ["json_schema"]:
        text = str(np.ravel(inputs["json_schema"])[0])
        return openvino_genai.StructuredOutputConfig(json_schema=checked_schema(text))
    return None


def _any_of(texts: list[str]) -> str:
    if not texts or not all(texts):
        raise InputError("choice needs texts that are not empty")
    return "|".join("".join(map(_literal, text)) for text in texts)


def _literal(character: str) -> str:
    plain = character.isalnum() or character == " " or not character.isascii()
    # Not \x: the engine reads all hexadecimal digits that follow it.
    return character if plain else f"\\u{ord(character):04x}"
