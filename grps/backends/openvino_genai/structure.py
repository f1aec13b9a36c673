"""What the text of a sequence must be, as the engine takes it.

A structure that the engine can't compile ends its whole pipeline, with the sequences of all other
clients. So only what it is known to compile is passed on.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openvino_genai

from grps.backends.common.language.inputs import schema_or_choice


def structured_output(
    inputs: Mapping[str, np.ndarray],
) -> openvino_genai.StructuredOutputConfig | None:
    """Return the structure that a request asks for; ``None`` for any text.

    Raises:
        InputError: It is wrong, or the engine can't do it.
    """
    wanted = schema_or_choice(inputs)
    if wanted is None:
        return None
    if isinstance(wanted, str):
        return openvino_genai.StructuredOutputConfig(json_schema=wanted)
    words = ("".join(map(_literal, text)) for text in wanted)
    return openvino_genai.StructuredOutputConfig(regex="|".join(words))


def _literal(character: str) -> str:
    plain = character.isalnum() or character == " " or not character.isascii()
    # Not \x: the engine reads all hexadecimal digits that follow it.
    return character if plain else f"\\u{ord(character):04x}"
