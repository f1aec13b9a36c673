"""What a step model declares that writes down what is said."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Option = Literal["prompt", "temperature"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcriber:
    """Puts a step model behind ``/v1/audio/transcriptions``.

    Set it as the attribute ``transcriber`` of the model, whose steps need a text
    (``batching.steps.text``). A request has the input ``audio``: float32 samples of one channel,
    16,000 per second, from -1 to 1.

    Attributes:
        languages: Languages, such as ``en``; at least one. With several, a request of a client that
            names one has the string input ``language``.
        max_seconds: Most seconds of a request, 30 by default. A longer recording is divided where
            it is quiet.
        options: Other inputs that a request may have: the string ``prompt``, the float32
            ``temperature``. A request of a client that sets another one is refused.
    """

    languages: tuple[str, ...]
    max_seconds: float = 30.0
    options: tuple[Option, ...] = ()

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ValueError: One is wrong.
        """
        languages: object = self.languages
        if not languages or isinstance(languages, str):
            raise ValueError(f"languages={self.languages!r}: a tuple such as ('en',) is needed")
        if not (math.isfinite(self.max_seconds) and self.max_seconds >= 1):
            raise ValueError(f"max_seconds={self.max_seconds}: 1 or more is needed")
        unknown = set(self.options) - {"prompt", "temperature"}
        if unknown:
            raise ValueError(f"options: unknown {', '.join(sorted(unknown))}")
