"""Step models that are language models: tokens in, tokens out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from grps.backends.common.language.model_files import LanguageFiles
from grps.inference.steps.model import StepModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduling:
    """How the sequences of an engine are scheduled that does not batch them itself."""

    prefill_part: int
    """Most tokens of prompts that one step reads."""
    position_bytes: int
    """Bytes of the state of a sequence for each of its tokens."""
    max_state_bytes: int
    """Most bytes of the states of all sequences of an instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageFacts:
    """What the service knows of a language model that is loaded, perhaps in another process."""

    files: LanguageFiles
    optional_inputs: frozenset[str]
    adapters: tuple[str, ...]
    scheduling: Scheduling | None
    """``None`` when its engine batches its sequences itself."""


class LanguageModel(StepModel):
    """A language model, whose engine may batch its sequences itself.

    A request has the input ``tokens``, the prompt, and inputs that say how its answer is generated.
    A step returns the output ``token``, and ``logprob``. The service makes text of the tokens.

    Attributes:
        optional_inputs: Inputs that not every engine takes, and this one does: ``logit_bias``, with
            ``logit_bias_tokens``, and ``top_logprobs``, for which a step returns the outputs
            ``top_token`` and ``top_logprob``, a row of equal length for each token. Front ends
            refuse what is not named.
        adapters: Names of changes of its weights, such as LoRA adapters: a request asks for one by
            the input ``adapter``, and front ends by its name as that of a model. Set by ``load``.
        files: What its files say besides its weights; set by ``load``.
        scheduling: How its sequences are scheduled; ``None`` when its engine does that. Set by
            ``load``. A sequence may lose its state, and begins again with its outputs.
    """

    optional_inputs: ClassVar[frozenset[str]] = frozenset()
    adapters: tuple[str, ...] = ()
    files: LanguageFiles
    scheduling: Scheduling | None = None

    def facts(self) -> LanguageFacts:
        """Return what the service knows of it, once it is loaded."""
        return LanguageFacts(
            files=self.files,
            optional_inputs=self.optional_inputs,
            adapters=self.adapters,
            scheduling=self.scheduling,
        )
