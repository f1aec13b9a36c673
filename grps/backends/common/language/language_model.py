"""Step models that are language models: tokens in, tokens out."""

from __future__ import annotations

from grps.backends.common.language.model_files import LanguageFiles
from grps.inference.steps.model import StepModel


class LanguageModel(StepModel):
    """A language model, whose engine may batch its sequences itself.

    A request has the input ``tokens``, the prompt, and inputs that say how its answer is generated.
    A step returns the output ``token``, and ``logprob``. The service makes text of the tokens.

    Attributes:
        files: What its files say besides its weights; set by ``load``.
    """

    files: LanguageFiles
